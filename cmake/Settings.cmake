# Language, warnings and instrumentation, shared by every target through bringup_settings.
option(BRINGUP_TESTS "Build the tests and the lab's helpers" ON)
option(BRINGUP_WERROR "Treat warnings as errors" ON)
option(BRINGUP_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(BRINGUP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")
option(BRINGUP_COVERAGE "Instrument for gcov" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(bringup_settings INTERFACE)
target_include_directories(bringup_settings INTERFACE "${CMAKE_SOURCE_DIR}/include")
target_compile_options(bringup_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${BRINGUP_WERROR}>:-Werror>)
# GCC 12 sees overlapping copies in "literal" + std::string (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(bringup_settings INTERFACE -Wno-restrict)
endif()
target_compile_definitions(bringup_settings INTERFACE
  BRINGUP_VERSION="${PROJECT_VERSION}")

if(BRINGUP_SANITIZE)
  target_compile_options(bringup_settings INTERFACE -fsanitize=${BRINGUP_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(bringup_settings INTERFACE -fsanitize=${BRINGUP_SANITIZE})
  if(BRINGUP_SANITIZE MATCHES "undefined")
    target_compile_options(bringup_settings INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()
if(BRINGUP_COVERAGE)
  target_compile_options(bringup_settings INTERFACE --coverage -O0)
  target_link_options(bringup_settings INTERFACE --coverage)
endif()
