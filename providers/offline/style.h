/* The facts of style that every composed caption states: one value of each kind, as fixed wording,
 * so that a caption can be read back into facts. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_STYLE_H
#define MONOCEROS_PROVIDERS_OFFLINE_STYLE_H

#include "providers/offline/lexicon.h"

enum style {
    STYLE_LIGHT,
    STYLE_DIR,
    STYLE_SHADOW,
    STYLE_VIEW,
    STYLE_FRAMING,
    STYLE_FOCUS,
    STYLE_POSITION,
    STYLE_PALETTE,
    STYLE_SKY,
    STYLE_BACKDROP,
    STYLE_SURFACE,
    STYLE_DETAIL,
    STYLE_LAYOUT,
    STYLE_POSE,
    STYLE_FINISH,
    STYLE_FEATURE,
    STYLE_KINDS
};

struct style_value {
    const char *text; /* lower-case wording, the same in captions, questions and options */
    uint64_t any;     /* 0, or one of these traits is needed */
    uint64_t avoid;   /* none of these may hold */
    uint64_t add;     /* what choosing it settles */
    uint8_t family;   /* values of one family are too alike to contradict each other */
};

struct style_kind {
    const struct style_value *values;
    size_t n;
};

extern const struct style_kind style_light, style_dir, style_shadow, style_view, style_framing,
    style_focus, style_position, style_palette, style_sky, style_backdrop, style_surface,
    style_detail, style_layout, style_pose, style_finish, style_feature;

const struct style_kind *style_kind(enum style s);

/* Of style_pose and style_feature, `any` is not a trait but a group of doings or of subjects. */
uint64_t feature_groups(const char *concept);

#define FEATURE_HAIR_SHORT T(40) /* the groups of people: the seed must not contradict them */
#define FEATURE_HAIR_LONG  T(41)
#define FEATURE_SHOES      T(42)
#define FEATURE_WRIST      T(43)
#define FEATURE_MANY       T(44) /* worded for more than one subject */

#endif
