# bringup_room(NAME LINK target...): the static library of one room, from every source under src/NAME.
function(bringup_room name)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.cpp")
  add_library(bringup_${name} STATIC ${sources})
  add_library(bringup::${name} ALIAS bringup_${name})
  set_target_properties(bringup_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(bringup_${name} PUBLIC bringup_settings ${ROOM_LINK})
endfunction()

# bringup_unit_tests(NAME [PROPERTY VALUE...]): one test program for the room, from every source under
# tests/unit/NAME; its tests get these properties of CTest as well.
function(bringup_unit_tests name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE bringup::${name} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(test_${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  # Optimizing the tests themselves doubles the time to build them and wins nothing.
  target_compile_options(test_${name} PRIVATE -O0)
  target_compile_definitions(test_${name} PRIVATE BRINGUP_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data" BRINGUP_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 120 ${ARGN})
endfunction()
