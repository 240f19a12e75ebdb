# 64-bit ARM boards: Raspberry Pi 3 and newer, RK3588, and the like. The baseline is Armv8-A; newer instructions
# come in kernel sets of their own (isa.cmake), chosen at start. A board's own file sets SHRIKE_CPU_FLAGS for
# its cores, and SHRIKE_QEMU_CPU to the emulated one that is nearest. Those are -march and -mtune, never -mcpu: a
# kernel set's -march takes the place of the first, and would only conflict with the other.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(SHRIKE_TRIPLE aarch64-linux-gnu)
set(SHRIKE_QEMU qemu-aarch64)
set(SHRIKE_ARCH arm64)
if(NOT SHRIKE_CPU_FLAGS)
  set(SHRIKE_CPU_FLAGS "-march=armv8-a")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake")
