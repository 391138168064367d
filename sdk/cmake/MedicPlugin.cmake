# medic_plugin(<name> <source>...): a Medic profiler as <name>.so.
#
# A plugin is a module without a `lib` prefix that links libc only, exports medic_plugin_entry and nothing else, binds
# everything when it is loaded (a symbol that is missing later would kill the target) and is never unloaded (its code may be on
# a stack). Its one include path is Medic's sdk: MEDIC_SDK_INCLUDE_DIR, by default the one that came with this file, in the
# source tree or installed (find_package(Medic)). The plugin goes
# to MEDIC_PLUGIN_DIR, by default <build>/lib/plugins.
function(medic_plugin name)
  set(include_dir "${MEDIC_SDK_INCLUDE_DIR}")
  if(NOT include_dir)
    foreach(place ../include ../../../include) # sdk/cmake, lib/cmake/Medic
      get_filename_component(include_dir "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${place}" ABSOLUTE)
      if(EXISTS "${include_dir}/medic/plugin.h")
        break()
      endif()
    endforeach()
  endif()
  set(plugin_dir "${MEDIC_PLUGIN_DIR}")
  if(NOT plugin_dir)
    set(plugin_dir "${CMAKE_BINARY_DIR}/lib/plugins")
  endif()

  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    C_STANDARD 11
    C_EXTENSIONS ON
    C_VISIBILITY_PRESET hidden
    POSITION_INDEPENDENT_CODE ON
    LIBRARY_OUTPUT_DIRECTORY "${plugin_dir}")
  target_include_directories(${name} PRIVATE "${include_dir}")
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow -Wconversion)
  target_link_options(${name} PRIVATE LINKER:-z,now,-z,defs,-z,nodelete,-z,relro,-z,noexecstack,--as-needed)
endfunction()
