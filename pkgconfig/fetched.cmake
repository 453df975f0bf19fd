# SPDX-License-Identifier: MIT
# normnet::normnet for a project that fetches the sources with FetchContent: the library as one file, which meson writes.
# Include it after FetchContent_MakeAvailable(normnet).
cmake_minimum_required(VERSION 3.16)
include_guard(GLOBAL) # several parts of a project may fetch it
enable_language(C)
find_package(Threads REQUIRED)
find_program(NORMNET_MESON meson)
if(NOT NORMNET_MESON)
  message(FATAL_ERROR "libnormnet: meson was not found, which writes the library as one file; pip install meson ninja")
endif()

# Runs meson, and stops with its output if it fails.
function(normnet_run_meson)
  execute_process(COMMAND "${NORMNET_MESON}" ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(REPLACE ";" " " command "${ARGN}")
    message(FATAL_ERROR "libnormnet: 'meson ${command}' failed:\n${output}")
  endif()
endfunction()

get_filename_component(normnet_sources "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
set(normnet_files "${CMAKE_CURRENT_BINARY_DIR}/normnet-meson")
if(NOT EXISTS "${normnet_files}/build.ninja")
  normnet_run_meson(setup "${normnet_files}" "${normnet_sources}" -Dexamples=false -Dtests=false)
endif()
normnet_run_meson(compile -C "${normnet_files}" amalgamation)

add_library(normnet STATIC "${normnet_files}/lib/amalgamation/normnet.c")
add_library(normnet::normnet ALIAS normnet)
set_target_properties(normnet PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED TRUE C_EXTENSIONS TRUE)
target_include_directories(normnet PUBLIC "${normnet_files}/lib/amalgamation")
target_compile_options(normnet PRIVATE -O3) # in debug builds as well: training is work
target_link_libraries(normnet PUBLIC Threads::Threads m)
