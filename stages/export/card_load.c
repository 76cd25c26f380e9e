/* How the files of an export are read: examples that run as they are in the files' folder. */
#include "stages/export/card_internal.h"

static void open_example(struct buf *b, const char *title)
{
    buf_addf(b, "%s:\n\n```python\n", title);
}

static void close_example(struct buf *b)
{
    buf_addz(b, "```\n\n");
}

static void load_rows(const struct card *c, struct buf *b)
{
    static const char *const names[] = {"pretrain", "instruct", "captions"};
    bool any = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct card_set *s = card_find(c, names[i], ".jsonl");
        if (!s)
            s = card_find(c, names[i], ".json");
        if (!s)
            continue;
        if (!any) {
            open_example(b, "The rows, with `datasets`");
            buf_addz(b, "from datasets import load_dataset\n\n");
        }
        buf_addf(b, "%s = load_dataset(\"json\", data_files=\"%s\", split=\"train\")\n", names[i],
                 s->pattern);
        any = true;
    }
    if (any)
        close_example(b);
}

static void load_arrays(const struct card *c, struct buf *b)
{
    const struct card_set *array = card_find(c, "representations", ".npy");
    const struct card_set *ids = card_find(c, "representations", ".ids");
    if (!array || !ids)
        return;
    open_example(b, "The representations, with NumPy, without reading them into memory");
    buf_addf(b,
             "import glob\nimport numpy as np\n\n"
             "arrays, at = [], {}\n"
             "for n, name in enumerate(sorted(glob.glob(\"%s\"))):\n"
             "    arrays.append(np.load(name, mmap_mode=\"r\"))\n"
             "    with open(name[:-3] + \"ids\") as lines:\n"
             "        at.update((line.strip(), (n, row)) for row, line in enumerate(lines))\n\n"
             "def vector(caption_id):\n"
             "    n, row = at[caption_id]\n"
             "    return arrays[n][row]\n",
             array->pattern);
    close_example(b);
}

/* NumPy has no bfloat16. */
static void load_tensors(const struct card *c, struct buf *b)
{
    const struct card_set *s = card_find(c, "representations", ".safetensors");
    if (!s)
        return;
    const char *library = strcmp(s->dtype, "bfloat16") == 0 ? "torch" : "numpy";
    open_example(b, "The representations, with safetensors");
    buf_addf(b,
             "from safetensors.%s import load_file\n\n"
             "tensors = load_file(\"%s\")\n"
             "vectors = tensors[\"vectors\"]\n"
             "ids = []\n"
             "for numbers in tensors[\"ids\"].tolist():\n"
             "    digits = \"\".join(f\"{n %% 2**64:016x}\" for n in numbers)\n"
             "    ids.append(digits[:32] + \"-\" + digits[32:])\n",
             library, s->first);
    close_example(b);
}

static void load_archives(const struct card *c, struct buf *b)
{
    const struct card_set *s = card_find(c, "samples", ".tar");
    if (!s)
        return;
    size_t digits = strcspn(s->first, "0123456789");
    size_t n = strspn(s->first + digits, "0123456789");
    open_example(b, "The samples, with WebDataset");
    buf_addz(b, "import webdataset as wds\n\nsamples = wds.WebDataset(\"");
    if (s->files == 1)
        buf_addz(b, s->first);
    else
        buf_addf(b, "%.*s{%.*s..%.*s}%s", (int)digits, s->first, (int)n, s->first + digits, (int)n,
                 s->last + digits, s->first + digits + n);
    buf_addz(b, "\", shardshuffle=False).decode()\n"
                "for sample in samples:\n"
                "    print(sample[\"__key__\"], sample[\"json\"][\"caption\"])\n"
                "    break\n");
    close_example(b);
}

void card_load(const struct card *c, struct buf *b)
{
    buf_addz(b, "## Reading it\n\n");
    load_rows(c, b);
    load_arrays(c, b);
    load_tensors(c, b);
    load_archives(c, b);
    buf_addz(b, "Where a row has `<image>`, the representation of the same `id` takes the place of "
                "what a picture\nbecomes in the model. There is exactly one in each row for a "
                "trainer.\n\n");
}
