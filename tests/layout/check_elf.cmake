# medic_check_elf(target kind): a test "elf.<target>" that the shared library is fit to be loaded into somebody's
# process. kind is core or plugin; see check_elf.py for what it must and must not have.

include_guard(GLOBAL)

function(medic_check_elf target kind)
    if(NOT kind MATCHES "^(core|plugin)$")
        message(FATAL_ERROR "medic_check_elf(${target} ${kind}): the kind is core or plugin")
    endif()
    find_package(Python3 REQUIRED COMPONENTS Interpreter) # its targets are known only in the folder that looks for it
    add_test(NAME elf.${target}
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/check_elf.py ${kind} $<TARGET_FILE:${target}>)
    set_tests_properties(elf.${target} PROPERTIES LABELS layout)
    if(CMAKE_READELF)
        set_tests_properties(elf.${target} PROPERTIES ENVIRONMENT "READELF=${CMAKE_READELF}")
    endif()
endfunction()
