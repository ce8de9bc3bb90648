# The XDP program (shield.bpf.c) and what loads it: needs a clang that compiles for BPF, and libbpf. Sets SHOAL_WITH_XDP
# and takes from `sources` what is not compiled.
set(SHOAL_WITH_XDP OFF)
if(NOT SHOAL_XDP STREQUAL OFF)
  # The system's own choice, else the newest; 14 is Debian 12's.
  find_program(SHOAL_BPF_CLANG NAMES clang clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
  pkg_check_modules(bpf IMPORTED_TARGET libbpf>=1.0)
  set(bpf_works OFF)
  if(SHOAL_BPF_CLANG)
    execute_process(COMMAND ${SHOAL_BPF_CLANG} -target bpf -mcpu=v3 -x c -c - -o /dev/null
                    INPUT_FILE /dev/null RESULT_VARIABLE bpf_result OUTPUT_QUIET ERROR_QUIET)
    if(bpf_result EQUAL 0)
      set(bpf_works ON)
    endif()
  endif()
  if(bpf_works AND bpf_FOUND)
    set(SHOAL_WITH_XDP ON)
  elseif(SHOAL_XDP STREQUAL ON)
    message(FATAL_ERROR "SHOAL_XDP=ON needs a clang that compiles for BPF (found: ${SHOAL_BPF_CLANG}) and libbpf 1.0 (found: ${bpf_VERSION})")
  endif()
endif()
message(STATUS "XDP: ${SHOAL_WITH_XDP}")

# Other folders need it too.
set(SHOAL_WITH_XDP ${SHOAL_WITH_XDP} PARENT_SCOPE)

# shoal_bpf_program(OUT SOURCE): a rule that compiles it. libbpf makes the maps from what -g says of their types. The
# kernel's headers include <asm/types.h>.
function(shoal_bpf_program out source)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${SHOAL_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra $<$<BOOL:${SHOAL_WERROR}>:-Werror> -I${PROJECT_SOURCE_DIR}
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -c ${source} -o ${out}
    DEPENDS ${source} ${PROJECT_SOURCE_DIR}/node/xdp/shield.bpf.c ${PROJECT_SOURCE_DIR}/node/xdp/shield_layout.h
    VERBATIM COMMAND_EXPAND_LISTS)
endfunction()

set(xdp ${CMAKE_CURRENT_SOURCE_DIR}/xdp)
if(SHOAL_WITH_XDP)
  list(REMOVE_ITEM sources ${xdp}/shield_absent.cc)
  # What stands in for the room where it cannot be built: compiled here too, so that it keeps the same face.
  add_library(shoal_xdp_absent OBJECT ${xdp}/shield_absent.cc)
  target_link_libraries(shoal_xdp_absent PRIVATE shoal_sync shoal_warnings)
  set(program ${CMAKE_CURRENT_BINARY_DIR}/shield.bpf.o)
  shoal_bpf_program(${program} ${xdp}/shield.bpf.c)
  set_source_files_properties(${xdp}/shield_program.cc PROPERTIES
    OBJECT_DEPENDS ${program} COMPILE_DEFINITIONS "SHIELD_PROGRAM=\"${program}\"" SKIP_UNITY_BUILD_INCLUSION ON)
else()
  list(REMOVE_ITEM sources ${xdp}/shield.cc ${xdp}/shield_program.cc ${xdp}/libbpf_words.cc)
endif()
