# 64-bit ARM boards: Raspberry Pi 3 and newer, RK3588, and the like. The baseline is Armv8-A; newer instructions
# come in kernel sets of their own (isa.cmake), chosen at start.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(SHRIKE_TRIPLE aarch64-linux-gnu)
set(SHRIKE_QEMU qemu-aarch64)
set(SHRIKE_ARCH arm64)
set(CMAKE_CXX_FLAGS_INIT "-march=armv8-a")
include("${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake")
