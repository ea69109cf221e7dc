# What every target is built with. Third-party headers are SYSTEM, so that these warnings concern our own code alone.
# Imported targets that one folder finds are known to the folders above it.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
option(KOINON_WERROR "Warnings are errors" OFF)
option(KOINON_FUZZ "Build the fuzz targets with libFuzzer (clang only); without it they replay a fixed number of mutations" OFF)
set(KOINON_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(KOINON_CCACHE ccache)
if(KOINON_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KOINON_CCACHE})
endif()
find_program(KOINON_MOLD mold)
if(KOINON_MOLD AND CMAKE_CXX_COMPILER_ID MATCHES "Clang|GNU")
  add_link_options(-fuse-ld=mold)
endif()

# Floats are only ever compared with other floats bit for bit when no product is fused behind our back (GCC does by default).
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -ffp-contract=off -fno-math-errno)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives in these inside std::vector and std::string at -O2, and takes an EXPECT under an if for an
  # ambiguous else, which clang-19 knows better.
  add_compile_options(-Wno-stringop-overflow -Wno-array-bounds -Wno-restrict -Wno-stringop-overread -Wno-maybe-uninitialized
    -Wno-dangling-else)
endif()
if(KOINON_WERROR)
  add_compile_options(-Werror)
endif()
if(KOINON_SANITIZE)
  add_compile_options(-fsanitize=${KOINON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KOINON_SANITIZE})
endif()
if(KOINON_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
