#include "providers/offline/style.h"

const struct style_kind *style_kind(enum style s)
{
    static const struct style_kind *const kinds[STYLE_KINDS] = {
        [STYLE_LIGHT] = &style_light,       [STYLE_DIR] = &style_dir,
        [STYLE_SHADOW] = &style_shadow,     [STYLE_VIEW] = &style_view,
        [STYLE_FRAMING] = &style_framing,   [STYLE_FOCUS] = &style_focus,
        [STYLE_POSITION] = &style_position, [STYLE_PALETTE] = &style_palette,
        [STYLE_SKY] = &style_sky,           [STYLE_BACKDROP] = &style_backdrop,
        [STYLE_SURFACE] = &style_surface,   [STYLE_DETAIL] = &style_detail,
        [STYLE_LAYOUT] = &style_layout,     [STYLE_POSE] = &style_pose,
        [STYLE_FINISH] = &style_finish,     [STYLE_FEATURE] = &style_feature,
    };

    return kinds[s];
}
