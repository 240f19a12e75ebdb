# Every Debian package Shrike uses, and what for. Read by setup.sh and sysroot.sh.
# shellcheck shell=bash disable=SC2034

# What a build on this machine needs.
packages_build=(
  g++ cmake ninja-build            # compiler, build description, build tool
  ccache                           # rebuilding what has not changed costs nothing
  libxsimd-dev                     # the vector registers of the kernels
  libcli11-dev nlohmann-json3-dev  # the command line, JSON output
  zlib1g-dev                       # packs the pictures of `shrike eval`
  pkg-config                       # how programs without CMake find the library; tests ask it
  libgtest-dev libgmock-dev        # tests
  libbenchmark-dev                 # benchmarks of the kernels
  libsimde-dev                     # tests of AVX-512 kernels where AVX-512 is missing
  # Cameras, streams and files: the capture process, nothing else. One package per module, because the whole
  # of OpenCV also brings a GUI.
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-videoio-dev
)

# What builds for ARM boards, tested here, need beside that: compilers, and what runs the tests as any core we name.
packages_cross_arm64=(g++-aarch64-linux-gnu qemu-user)
packages_cross_armhf=(g++-arm-linux-gnueabihf qemu-user)

# What .deb packages are made with: who needs which library, and what is a program.
packages_package=(dpkg-dev file)

# What training the demo model needs: arithmetic, gradients, and pictures as files have them; products of matrices
# that are five times as fast as those which come with them.
packages_train=(python3-numpy python3-torch python3-pil libopenblas0-pthread)

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
