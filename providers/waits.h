/* Why the calls to a model server wait, as somebody who watches a run wants to read it. */
#ifndef MONOCEROS_PROVIDERS_WAITS_H
#define MONOCEROS_PROVIDERS_WAITS_H

struct waits {
    const char *code; /* provider_unreachable, provider_throttling, provider_limit */
    char detail[200];
};

#endif
