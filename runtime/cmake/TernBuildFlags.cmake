# How Tern's own code is compiled and linked, in both projects: warnings,
# sanitizers, and what makes mistakes harder to exploit.
include_guard()

option(TERN_ENABLE_ASAN "Build with AddressSanitizer and UBSan" OFF)
option(TERN_ENABLE_WERROR "Treat warnings as errors" ON)

add_compile_options(-Wall -Wextra -Wno-unused-parameter)
if(TERN_ENABLE_WERROR)
  add_compile_options(-Werror)
endif()

if(TERN_ENABLE_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()

# Relocations are read-only before anything runs, and none is in code.
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,text)

# tern_guard_memory(): guards stacks, and takes those functions of the C library
# that know how large their targets are, for what the folder compiles.
# Sanitizers check the same, and see only the plain functions; without
# optimization there are no others.
macro(tern_guard_memory)
  add_compile_options(-fstack-protector-strong)
  if(NOT TERN_ENABLE_ASAN)
    add_compile_options("$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>"
                        "$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>")
  endif()
endmacro()
