find_package(GTest REQUIRED)
find_package(Threads REQUIRED)

# One folder of the house.
#
#   koinon_part(trust/quorum
#     SOURCES quorum.cpp            # the library koinon_trust_quorum, alias koinon::trust::quorum; none: header only
#     DEPS base engine/program      # other parts
#     LIBS fmt::fmt                 # third-party libraries
#     TESTS quorum_test.cpp         # one test program, label unit
#     SLOW_TESTS big_test.cpp       # one test program, label slow
#     CHAIN_TESTS market_test.cpp   # one test program that needs a local ledger, label chain
#     FUZZ claim_fuzz.cpp           # one fuzz target a file; LLVMFuzzerTestOneInput and optionally koinon_fuzz_seeds
#     BENCH claim_bench.cpp)        # one Google Benchmark program a file
function(koinon_part name)
  cmake_parse_arguments(PART "" "" "SOURCES;DEPS;LIBS;TESTS;SLOW_TESTS;CHAIN_TESTS;TEST_LIBS;FUZZ;BENCH" ${ARGN})
  string(REPLACE "/" "_" id ${name})
  set(target koinon_${id})
  if(PART_SOURCES)
    add_library(${target} STATIC ${PART_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  string(REPLACE "/" "::" alias ${name})
  add_library(koinon::${alias} ALIAS ${target})
  target_include_directories(${target} ${scope} ${CMAKE_SOURCE_DIR})
  foreach(dep ${PART_DEPS})
    string(REPLACE "/" "_" dep_id ${dep})
    target_link_libraries(${target} ${scope} koinon_${dep_id})
  endforeach()
  target_link_libraries(${target} ${scope} ${PART_LIBS} Threads::Threads)

  koinon_tests(${target} ${id}_test unit "${PART_TESTS}" "${PART_TEST_LIBS}")
  koinon_tests(${target} ${id}_slow_test slow "${PART_SLOW_TESTS}" "${PART_TEST_LIBS}")
  koinon_tests(${target} ${id}_chain_test chain "${PART_CHAIN_TESTS}" "${PART_TEST_LIBS}")

  foreach(file ${PART_FUZZ})
    get_filename_component(stem ${file} NAME_WE)
    set(fuzz ${id}_${stem})
    if(KOINON_FUZZ)
      add_executable(${fuzz} ${file})
      target_link_options(${fuzz} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${fuzz} ${file} ${CMAKE_SOURCE_DIR}/cmake/fuzz_replay.cpp)
      add_test(NAME ${fuzz} COMMAND ${fuzz})
      set_tests_properties(${fuzz} PROPERTIES LABELS unit TIMEOUT 120)
    endif()
    target_link_libraries(${fuzz} PRIVATE ${target} ${PART_TEST_LIBS})
  endforeach()

  foreach(file ${PART_BENCH})
    get_filename_component(stem ${file} NAME_WE)
    find_package(benchmark REQUIRED)
    add_executable(${id}_${stem} ${file})
    target_link_libraries(${id}_${stem} PRIVATE ${target} benchmark::benchmark_main)
  endforeach()
endfunction()

function(koinon_tests target program label files libs)
  if(NOT files)
    return()
  endif()
  add_executable(${program} ${files})
  target_link_libraries(${program} PRIVATE ${target} ${libs} GTest::gmock GTest::gtest_main)
  add_test(NAME ${program} COMMAND ${program} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set(limit 120)
  if(NOT label STREQUAL "unit")
    set(limit 1800)
  endif()
  set_tests_properties(${program} PROPERTIES LABELS ${label} TIMEOUT ${limit})
  if(NOT label STREQUAL "unit")
    # Ledgers, windows of seconds and processes: one test program at a time has the machine.
    set_tests_properties(${program} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()
