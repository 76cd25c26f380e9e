# One interface target carries the warnings, the hardening and the sanitizers of every object.
add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wmissing-declarations -Wold-style-definition -Wcast-qual -Wcast-align
    -Wformat=2 -Wformat-security -Wundef -Wvla -Wdouble-promotion -Wnull-dereference
    -Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings -Wredundant-decls -Wnested-externs
    -Winit-self -Wswitch-enum -Wunused-macros -Wunreachable-code -Wfloat-equal
    -Walloca -Wbad-function-cast -Wdate-time -Wdisabled-optimization -Wunused-parameter
    -Wuninitialized -Wstrict-aliasing=2 -Wno-gnu-zero-variadic-macro-arguments)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(warnings INTERFACE -Wduplicated-cond -Wduplicated-branches
        -Wlogical-op -Wtrampolines -Wjump-misses-init)
endif()
if(MONOCEROS_WERROR)
    target_compile_options(warnings INTERFACE -Werror)
endif()

# Fused multiply-adds would give vectors other bits on other machines.
target_compile_options(warnings INTERFACE -ffp-contract=off -fno-strict-overflow -fPIE -fvisibility=hidden)
target_compile_definitions(warnings INTERFACE _GNU_SOURCE)
if(MONOCEROS_SANITIZE)
    target_compile_options(warnings INTERFACE -fsanitize=${MONOCEROS_SANITIZE}
        -fno-omit-frame-pointer -fno-sanitize-recover=all -g -O1)
    add_link_options(-fsanitize=${MONOCEROS_SANITIZE})
else()
    target_compile_options(warnings INTERFACE -fstack-protector-strong -fstack-clash-protection)
    target_compile_definitions(warnings INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
    add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
