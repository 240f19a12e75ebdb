# Raspberry Pi 4: four Cortex-A72. Plain NEON.
set(SHRIKE_BOARD pi4)
set(SHRIKE_CPU_FLAGS "-march=armv8-a+crc -mtune=cortex-a72")
set(SHRIKE_QEMU_CPU cortex-a72)
include("${CMAKE_CURRENT_LIST_DIR}/aarch64.cmake")
