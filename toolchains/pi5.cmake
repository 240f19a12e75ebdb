# Raspberry Pi 5: four Cortex-A76. Half-precision arithmetic, dot products, atomics in one instruction.
set(SHRIKE_BOARD pi5)
set(SHRIKE_CPU_FLAGS "-march=armv8.2-a+fp16+dotprod -mtune=cortex-a76")
set(SHRIKE_QEMU_CPU cortex-a76)
include("${CMAKE_CURRENT_LIST_DIR}/aarch64.cmake")
