# Every Debian package Shrike uses, and what for. Read by setup.sh and sysroot.sh.
# shellcheck shell=bash disable=SC2034

# What a build on this machine needs.
packages_build=(
  g++ cmake ninja-build            # compiler, build description, build tool
  ccache                           # rebuilding what has not changed costs nothing
  libxsimd-dev                     # the vector registers of the kernels
  libcli11-dev nlohmann-json3-dev  # the command line, JSON output
  zlib1g-dev                       # packs the pictures of `shrike eval`
  libgtest-dev libgmock-dev        # tests
  libbenchmark-dev                 # benchmarks of the kernels
  libsimde-dev                     # tests of AVX-512 kernels where AVX-512 is missing
  # Cameras, streams and files: the capture process, nothing else. One package per module, because the whole
  # of OpenCV also brings a GUI.
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-videoio-dev
)

# What a build for 64-bit ARM, tested here, needs beside that.
packages_cross=(
  g++-aarch64-linux-gnu            # compiler
  qemu-user                        # runs the tests, as any core we name
)

# What training the demo model needs: arithmetic, gradients, and pictures as files have them.
packages_train=(python3-numpy python3-torch python3-pil)

# What fuzzing needs: clang with its run-time libraries.
packages_fuzz=(clang libclang-rt-dev)

# What working on Shrike itself is pleasant with.
packages_dev=(clang-format valgrind shellcheck)

# What the sysroot of a board holds: headers and libraries of the board's architecture.
packages_sysroot=(
  libc6-dev libstdc++-12-dev
  libxsimd-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libgtest-dev libgmock-dev libbenchmark-dev
)
packages_sysroot_video=(libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-videoio-dev)
