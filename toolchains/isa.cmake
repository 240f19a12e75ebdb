# Instruction sets and their flags: one map, one function.
#
#   shrike_kernels(avx2 norm act)   compiles platform/kernels/{norm,act}_avx2.cpp with the flags of avx2
#
# -O3 always: an unoptimised unit exports inline functions compiled for its ISA, and the linker may hand
# that copy to the whole program; and at -O2 GCC keeps the sums of a tile in memory, two to three times as many
# instructions (bench/results/emulated). -fno-lto for the first of these reasons. -ffp-contract=off: what is
# fused is written as fma, so that every compiler gives the same bits.
set(SHRIKE_FLAGS_scalar "")
set(SHRIKE_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(SHRIKE_FLAGS_avx512 ${SHRIKE_FLAGS_avx2} -mavx512f -mavx512cd -mavx512dq -mavx512bw -mavx512vl -mavx512vnni
  # of its own header's registers that may be anything
  $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
set(SHRIKE_FLAGS_neon "")
set(SHRIKE_FLAGS_neon_dotprod -march=armv8.2-a+dotprod)
set(SHRIKE_FLAGS_neon_i8mm -march=armv8.2-a+dotprod+i8mm)

# The families that a set improves; the others are its parent's.
set(SHRIKE_FAMILIES_avx2 norm act rope convert dot quants attention rows turned merge image peak panel)
set(SHRIKE_FAMILIES_avx512 act attention peak panel weights)
set(SHRIKE_FAMILIES_neon norm act rope convert dot quants attention rows turned merge image peak panel)
set(SHRIKE_FAMILIES_neon_dotprod quants panel)
set(SHRIKE_FAMILIES_neon_i8mm panel)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(SHRIKE_VECTOR_ISAS avx2 avx512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(SHRIKE_VECTOR_ISAS neon neon_dotprod neon_i8mm)
else()
  set(SHRIKE_VECTOR_ISAS "")
endif()
if(NOT SHRIKE_SIMD)
  set(SHRIKE_VECTOR_ISAS "")
endif()

function(shrike_kernels isa)
  list(TRANSFORM ARGN REPLACE "(.+)" "kernels/\\1_${isa}.cpp" OUTPUT_VARIABLE sources)
  add_library(kernels_${isa} OBJECT ${sources})
  target_compile_options(kernels_${isa} PRIVATE
    ${SHRIKE_FLAGS_${isa}} -O3 -fno-exceptions -fno-lto -ffp-contract=off)
  target_link_libraries(kernels_${isa} PRIVATE shrike_headers)
  target_sources(shrike_platform PRIVATE $<TARGET_OBJECTS:kernels_${isa}>)
  set_property(GLOBAL APPEND PROPERTY SHRIKE_KERNELS kernels_${isa})
endfunction()
