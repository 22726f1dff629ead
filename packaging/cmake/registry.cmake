# gradloom_registry(TARGET NAMESPACE TYPE FUNCTION HEADER FOLDER)
#
# Every <name>.cpp in FOLDER defines one function `TYPE <name>();` in NAMESPACE.
# This writes FUNCTION, which calls them all, so that adding a thing is adding a
# file: nothing lists layers, operations, optimizers or views by hand.
# The files are small and share their headers, so in targets with UNITY_BUILD_MODE
# GROUP they are compiled some at a time; helpers in them need names of their own.
function(gradloom_registry TARGET NAMESPACE TYPE FUNCTION HEADER FOLDER)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.cpp)
  list(SORT files)
  set(declarations "")
  set(calls "")
  set(count 0)
  foreach(file ${files})
    math(EXPR group "${count} / 10")
    math(EXPR count "${count} + 1")
    set_source_files_properties(${file} PROPERTIES UNITY_GROUP "${FUNCTION}_${group}")
    get_filename_component(name ${file} NAME_WE)
    string(APPEND declarations "${TYPE} ${name}();\n")
    string(APPEND calls "    all.push_back(${name}());\n")
  endforeach()
  set(content "// Written by CMake from the files in ${FOLDER}.\n#include \"${HEADER}\"\n#include <vector>\n\nnamespace ${NAMESPACE} {\n\n${declarations}\nstd::vector<${TYPE}> ${FUNCTION}()\n{\n    std::vector<${TYPE}> all;\n${calls}    return all;\n}\n\n} // namespace ${NAMESPACE}\n")
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${FUNCTION}.cpp)
  file(CONFIGURE OUTPUT ${output} CONTENT "${content}" @ONLY)
  target_sources(${TARGET} PRIVATE ${files} ${output})
endfunction()
