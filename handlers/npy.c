#include "handlers/npy.h"

#include <stdio.h>
#include <string.h>

enum { ALIGN = 64, PREFIX_BYTES = 10 };

static void write_header(size_t n, struct buf *out)
{
    char text[128];
    int used = snprintf(text, sizeof(text),
                        "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu,), }", n);
    size_t header = (size_t)used + 1; /* with its line end */
    size_t padded = (PREFIX_BYTES + header + ALIGN - 1) / ALIGN * ALIGN - PREFIX_BYTES;
    buf_add(out, "\x93NUMPY\x01\x00", 8);
    buf_addc(out, (char)(padded & 0xff));
    buf_addc(out, (char)(padded >> 8));
    buf_add(out, text, (size_t)used);
    for (size_t i = header; i < padded; i++)
        buf_addc(out, ' ');
    buf_addc(out, '\n');
}

void npy_write_doubles(const double *v, size_t n, struct buf *out)
{
    write_header(n, out);
    for (size_t i = 0; i < n; i++) {
        uint8_t little[8];
        uint64_t bits;
        memcpy(&bits, &v[i], sizeof(bits));
        for (int k = 0; k < 8; k++)
            little[k] = (uint8_t)(bits >> (8 * k));
        buf_add(out, little, sizeof(little));
    }
}
