# RK3588 (Rock 5, Orange Pi 5): four Cortex-A76 and four Cortex-A55, which execute the same instructions.
set(SHRIKE_BOARD rk3588)
set(SHRIKE_CPU_FLAGS "-march=armv8.2-a+fp16+dotprod -mtune=cortex-a76.cortex-a55")
set(SHRIKE_QEMU_CPU cortex-a76)
include("${CMAKE_CURRENT_LIST_DIR}/aarch64.cmake")
