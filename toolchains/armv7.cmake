# 32-bit ARM boards with NEON and VFPv4: Cortex-A7, A15 and newer, and 64-bit ones under a 32-bit system. The
# kernels are the scalar ones; VFPv4 has the fused product that they are written with. -Wno-psabi: notes about
# how GCC 7 changed a calling convention; -Wno-restrict: GCC 12 sees overlaps inside std::string that are none.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(SHRIKE_TRIPLE arm-linux-gnueabihf)
set(SHRIKE_QEMU qemu-arm)
set(SHRIKE_QEMU_CPU cortex-a15)
set(SHRIKE_ARCH armhf)
set(SHRIKE_CPU_FLAGS "-march=armv7-a -mfpu=neon-vfpv4 -mfloat-abi=hard -mthumb -Wno-psabi -Wno-restrict")
include("${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake")
