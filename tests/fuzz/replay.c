/* Runs a target over files and folders of files, for the builds that have no libFuzzer. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static int n_files;

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    REQUIRE(f && fstat(fileno(f), &st) == 0);
    size_t n = (size_t)st.st_size;
    uint8_t *data = malloc(n + 1);
    REQUIRE(data && fread(data, 1, n, f) == n);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, n);
    free(data);
    n_files++;
}

static void replay(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        replay_file(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        replay(inner);
    }
    (void)closedir(folder);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    (void)printf("%d inputs\n", n_files);
    return n_files > 0 ? 0 : 1;
}
