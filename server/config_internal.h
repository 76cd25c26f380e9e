/* What the parts of the configuration share; nothing else includes this. */
#ifndef MONOCEROS_CONFIG_INTERNAL_H
#define MONOCEROS_CONFIG_INTERNAL_H

#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/str.h"
#include "server/config.h"

enum setting_type {
    SETTING_TEXT,
    SETTING_INT,
    SETTING_NUMBER, /* double, not negative; -1 when unset */
    SETTING_BOOL,
    SETTING_ENUM,
    SETTING_URL,      /* of one or several model servers; also by a file */
    SETTING_BODY,     /* members of a request body, as a JSON object; also by a file */
    SETTING_LISTEN,   /* host:port */
    SETTING_CONNINFO, /* may carry a password, which is masked; also by a file */
    SETTING_SECRET,   /* masked; also by a file; never by a flag */
};

/* The struct that a setting's offset is in. Those of providers and encoders are also the keys of
 * their sections in the file, without the prefix. */
enum setting_place { PLACE_CONFIG, PLACE_PROVIDER, PLACE_ENCODER, PLACE_NONE };

struct setting {
    const char *name; /* MONOCEROS_NAME in the environment, --name as a flag */
    enum setting_type type;
    enum setting_place place;
    size_t offset;
    const char *fallback; /* NULL: unset */
    int min, max;         /* SETTING_INT, SETTING_NUMBER */
    const char *const *values;
    const char *help;
};

enum { SETTINGS_MAX = 80, SECTIONS_MAX = 2 * CONFIG_PROVIDERS_MAX, WARNINGS_MAX = 16 };

extern const struct setting settings[]; /* ended by a NULL name; at most SETTINGS_MAX */

/* A value as it was given. */
struct given {
    const char *text;   /* NULL: not given */
    const char *source; /* "environment MONOCEROS_LISTEN", "/etc/monoceros.ini:3" */
    bool in_file; /* text is the path of a file that has the value: of a secret the first line */
};

enum layer { LAYER_FILE, LAYER_ENVIRONMENT, LAYER_FLAG, LAYER_COUNT };

struct section {
    enum setting_place place;
    const char *name;
    struct given given[SETTINGS_MAX];
};

struct config_state {
    struct arena *arena;
    struct given layers[LAYER_COUNT][SETTINGS_MAX];
    struct given effective[SETTINGS_MAX];
    bool provider_at_top, encoder_at_top; /* each the first after the offline one */
    int n_sections;
    struct section sections[SECTIONS_MAX];
    int n_warnings;
    const char *warnings[WARNINGS_MAX];
};

bool setting_has_file(const struct setting *s);
bool setting_is_secret(const struct setting *s);
/* Index in the table by full name; *in_file tells that the name was that of its file variant.
 * -1 when there is none. case and separators are those of `separator`: '_' or '-'. */
int setting_find(struct str name, char separator, bool *in_file);
/* The same by the key of a section. */
int setting_find_key(enum setting_place place, struct str key, bool *in_file);
/* The key of a provider's or encoder's setting: its name without the prefix. */
const char *setting_key(const struct setting *s);
/* Where the setting lives in its struct. */
static inline void *setting_target(const struct setting *s, void *base)
{
    return (char *)base + s->offset;
}
/* Checks and stores a given value, or the default when it was not given. */
int setting_store(struct config_state *state, const struct setting *s, const struct given *g,
                  void *base, struct err *e);

int config_read_environment(struct config_state *state, struct err *e);
int config_read_flags(struct config_state *state, int argc, char **argv, struct err *e);
int config_read_file(struct config_state *state, const char *path, struct err *e);

/* -1 with what the URL must be, for the sentence; its path ends in /v1 or must not. */
int config_check_url(struct str url, bool v1, const char **wrong);
int config_split_listen(struct str listen, char host[CONFIG_HOST_MAX], int *port);
/* Copies text with passwords replaced by asterisks; out has room for 2n + 32 bytes. */
void config_mask(struct str text, char *out);

#endif
