# Text files that the program carries: SQL statements, migrations, the OpenAPI document.
set(generated ${CMAKE_BINARY_DIR}/generated)
file(GLOB_RECURSE sql_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/db/sql/*.sql)
file(GLOB migration_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/*.sql)

add_custom_command(
    OUTPUT ${generated}/db/statements.h ${generated}/db/statements.c ${generated}/db/migrations.c
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/embed_sql.py
            ${CMAKE_SOURCE_DIR} ${generated}/db
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed_sql.py ${sql_files} ${migration_files}
    COMMENT "Embedding SQL" VERBATIM)
add_custom_command(
    OUTPUT ${generated}/openapi_document.c
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/embed_openapi.py
            ${CMAKE_SOURCE_DIR}/openapi/openapi.yaml ${generated}/openapi_document.c
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed_openapi.py ${CMAKE_SOURCE_DIR}/openapi/openapi.yaml
    COMMENT "Embedding the OpenAPI document" VERBATIM)
add_custom_target(generated_sql DEPENDS ${generated}/db/statements.h)
add_library(generated_objects OBJECT ${generated}/db/statements.c ${generated}/db/migrations.c
    ${generated}/openapi_document.c)
target_include_directories(generated_objects PRIVATE ${CMAKE_SOURCE_DIR} ${generated})
target_compile_options(generated_objects PRIVATE -fPIE)
