/* How the scene is lit and framed. */
#include "providers/offline/style.h"

static const struct style_value light[] = {
    {"bright sunlight", T_OUT,
     T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT | E_FOREST, L_SUN, 1},
    {"strong direct sunlight", T_OUT | T_SUN,
     T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT | E_FOREST, L_SUN, 1},
    {"clear morning light", T_OUT, T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT,
     L_SUN, 2},
    {"harsh midday light", T_OUT,
     T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT | E_FOREST | E_SNOW, L_SUN, 3},
    {"soft overcast light", T_OUT,
     T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT | T_SUN, L_SOFT | T_OVER, 4},
    {"flat grey daylight", T_OUT | T_DULL | T_RAIN,
     T_NIGHT | T_DUSK | T_SUN | T_IN | E_UNDER | F_LIGHT, L_SOFT | T_OVER, 4},
    {"muted rainy daylight", T_RAIN, T_NIGHT | T_DUSK | T_IN | F_LIGHT, L_SOFT | T_OVER, 4},
    {"hazy daylight", T_OUT, T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT | T_SUN,
     L_SOFT, 4},
    {"late afternoon light", T_OUT, T_NIGHT | T_DUSK | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT,
     L_GOLD, 5},
    {"low golden light", T_OUT | T_DUSK, T_NIGHT | T_DULL | T_RAIN | T_IN | E_UNDER | F_LIGHT,
     L_GOLD, 5},
    {"fading evening light", T_DUSK, T_NIGHT | F_LIGHT | T_IN, L_GOLD, 6},
    {"dappled light", E_FOREST, T_NIGHT | T_RAIN | F_LIGHT | T_DUSK, L_SOFT, 7},
    {"filtered greenish light", E_FOREST, T_NIGHT | T_DUSK | F_LIGHT, L_SOFT, 7},
    {"dim artificial light", T_NIGHT, F_LIGHT, L_DARK, 8},
    {"yellowish lamplight", T_NIGHT | E_ROOM, F_LIGHT | T_SUN, L_LAMP, 8},
    {"weak night-time light", T_NIGHT, F_LIGHT | T_IN, L_DARK, 9},
    {"cool fluorescent light", T_IN | E_ROOM, F_LIGHT | T_SUN, L_LAMP, 10},
    {"even ceiling light", T_IN | E_ROOM, F_LIGHT | T_SUN, L_SOFT, 10},
    {"diffuse window light", T_IN | E_ROOM, F_LIGHT | T_NIGHT, L_SOFT, 11},
    {"strong stage light", E_STAGE, F_LIGHT | T_SUN, L_LAMP, 12},
    {"coloured stage light", E_STAGE, F_LIGHT | T_SUN | F_MONO, L_LAMP, 12},
    {"bluish underwater light", E_UNDER, F_LIGHT | F_MONO, L_SOFT, 13},
    {"wavering underwater light", E_UNDER, F_LIGHT, L_SOFT, 13},
    {"soft, even light", E_NONE | T_SUN | E_ROOM | E_POOL | E_WATER | E_ICE | E_COURT,
     F_LIGHT | T_NIGHT | T_DUSK | T_SUN, L_SOFT, 4},
    {"clear, neutral light", E_NONE | E_COURT | E_ICE | E_POOL,
     F_LIGHT | T_RAIN | T_NIGHT | T_DUSK | T_DULL, L_SOFT, 14},
    {"moderate, diffuse light", E_NONE | E_COURT | E_ICE | E_POOL | E_WATER | E_DIRT,
     F_LIGHT | T_NIGHT | T_DUSK | T_SUN, L_SOFT, 4},
    {"gentle directional light", E_NONE | E_COURT | E_DIRT | E_ROOM,
     F_LIGHT | T_RAIN | T_NIGHT | T_DUSK | T_SUN | T_DULL, L_SOFT, 15},
    {"flickering candlelight", T_NEVER, 0, 0, 16},
    {"soft natural light", T_NEVER, 0, 0, 4},
    {"bright daylight", T_NEVER, 0, 0, 1},
    {"pale moonlight", T_NEVER, 0, 0, 17},
};
const struct style_kind style_light = {light, sizeof(light) / sizeof(light[0])};

static const struct style_value dir[] = {
    {"from the left side", 0, F_LIGHT | E_UNDER, 0, 1},
    {"from the right side", 0, F_LIGHT | E_UNDER, 0, 2},
    {"from directly above", 0, F_LIGHT | L_GOLD | T_DUSK, 0, 3},
    {"from the front", 0, F_LIGHT | E_UNDER, 0, 4},
    {"from the back", 0, F_LIGHT | E_UNDER | E_FOREST, 0, 5},
    {"from the upper left", 0, F_LIGHT | L_GOLD | T_DUSK, 0, 1},
    {"from the upper right", 0, F_LIGHT | L_GOLD | T_DUSK, 0, 2},
    {"from below", T_NEVER, 0, 0, 6},
};
const struct style_kind style_dir = {dir, sizeof(dir) / sizeof(dir[0])};

static const struct style_value shadow[] = {
    {"faint shadows", L_SOFT, F_SHADOW, 0, 1},
    {"soft-edged shadows", L_SOFT | L_LAMP, F_SHADOW, 0, 1},
    {"hardly any shadows", L_SOFT | T_OVER, F_SHADOW, 0, 2},
    {"crisp shadows", L_SUN, F_SHADOW, 0, 3},
    {"short, dark shadows", L_SUN, F_SHADOW, 0, 4},
    {"clearly drawn shadows", L_SUN | L_GOLD, F_SHADOW, 0, 3},
    {"long shadows", L_GOLD, F_SHADOW, 0, 5},
    {"stretched, warm-edged shadows", L_GOLD, F_SHADOW, 0, 5},
    {"deep shadows", L_DARK | L_LAMP, F_SHADOW, 0, 6},
    {"overlapping shadows", L_LAMP, F_SHADOW, 0, 7},
    {"soft shadows", T_NEVER, 0, 0, 1},
};
const struct style_kind style_shadow = {shadow, sizeof(shadow) / sizeof(shadow[0])};

static const struct style_value view[] = {
    {"eye level", 0, F_VIEW, 0, 1},
    {"a low angle", 0, F_VIEW, 0, 2},
    {"ground level", 0, F_VIEW | E_UNDER | S_ART | F_ART | S_FOOD, 0, 2},
    {"knee height", S_FUR | S_BIRD | E_GRASS | E_STREET | E_BEACH | E_SNOW, F_VIEW | E_UNDER, 0, 2},
    {"a high angle", 0, F_VIEW | S_ART | F_ART, V_HIGH, 3},
    {"a slightly raised position", 0, F_VIEW, 0, 3},
    {"waist height", S_PERSON | S_FUR | S_THING | S_VEHICLE, F_VIEW | E_UNDER, 0, 4},
    {"a steep overhead angle", S_FOOD, F_VIEW, V_HIGH, 5},
    {"a bird's-eye position", T_NEVER, 0, 0, 5},
    {"a distant rooftop", T_NEVER, 0, 0, 6},
};
const struct style_kind style_view = {view, sizeof(view) / sizeof(view[0])};

static const struct style_value framing[] = {
    {"a wide shot", 0, F_CLOSE | S_ART | F_ART | S_FOOD, 0, 1},
    {"a panoramic view", F_WIDE | E_ROCK | E_DESERT, F_CLOSE | S_ART | F_ART, 0, 1},
    {"a medium shot", 0, F_CLOSE | F_WIDE | S_ART | F_ART, 0, 2},
    {"a mid-range view", 0, F_CLOSE | F_WIDE | S_ART | F_ART, 0, 2},
    {"a tight crop", S_BIRD | S_FOOD | S_PLANT | S_THING | S_WATERY, F_WIDE | F_CLOSE, V_TIGHT, 3},
    {"a full-length view", S_PERSON | S_FUR, F_CLOSE | F_WIDE, 0, 4},
    {"a straight-on view", S_ART | F_ART | S_BUILDING, F_VIEW, 0, 5},
    {"a complete front view", S_ART | F_ART | S_BUILDING, F_CLOSE | F_VIEW, 0, 5},
    {"a close-up", T_NEVER, 0, 0, 3},
    {"a magnified macro frame", T_NEVER, 0, 0, 6},
};
const struct style_kind style_framing = {framing, sizeof(framing) / sizeof(framing[0])};

static const struct style_value focus[] = {
    {"a softly blurred background", 0, F_BLUR | S_ART | F_ART | F_WIDE, 0, 1},
    {"sharp focus from front to back", 0, F_BLUR, 0, 2},
    {"a slightly soft foreground", 0, F_BLUR | S_ART | F_ART | F_CLOSE, 0, 3},
    {"crisp focus on the nearest edges", 0, F_BLUR, 0, 4},
    {"a gradual loss of sharpness towards the corners", 0, F_BLUR, 0, 5},
    {"an even sharpness across the frame", 0, F_BLUR, 0, 2},
    {"a streaked motion blur", T_NEVER, 0, 0, 6},
    {"a shallow depth of field", T_NEVER, 0, 0, 1},
};
const struct style_kind style_focus = {focus, sizeof(focus) / sizeof(focus[0])};

static const struct style_value position[] = {
    {"in the centre", 0, F_POSITION, 0, 1},
    {"in the left half", 0, F_POSITION, 0, 2},
    {"in the right half", 0, F_POSITION, 0, 3},
    {"in the lower half", 0, F_POSITION | S_BUILDING | E_UNDER, 0, 4},
    {"in the left third", 0, F_POSITION | F_CLOSE, 0, 2},
    {"in the right third", 0, F_POSITION | F_CLOSE, 0, 3},
    {"in the upper half", S_BIRD | S_BUILDING, F_POSITION | F_CLOSE, 0, 5},
};
const struct style_kind style_position = {position, sizeof(position) / sizeof(position[0])};

static const struct style_value palette[] = {
    {"muted tones", 0, L_SUN | F_PALETTE, 0, 1},
    {"warm tones", 0, E_SNOW | E_ICE | T_NIGHT | E_UNDER | T_OVER | F_PALETTE, 0, 2},
    {"warm tones", L_GOLD | L_LAMP, F_PALETTE | E_UNDER | E_SNOW, 0, 2},
    {"cool tones", E_SNOW | E_ICE | E_UNDER | E_WATER | E_POOL | T_OVER | T_NIGHT,
     L_GOLD | F_PALETTE, 0, 3},
    {"earthy tones", E_DIRT | E_FOREST | E_ROCK | E_DESERT, F_PALETTE, 0, 4},
    {"pale tones", E_SNOW | E_ICE | E_BEACH, T_NIGHT | L_DARK | F_PALETTE, 0, 5},
    {"clear, saturated tones", L_SUN, F_PALETTE, 0, 6},
    {"balanced, mid-bright tones", 0, F_PALETTE | T_NIGHT, 0, 7},
    {"dark, subdued tones", T_NIGHT | E_STAGE | L_DARK, F_PALETTE, 0, 8},
    {"neutral tones", 0, F_PALETTE | L_GOLD, 0, 9},
    {"fluorescent neon tones", T_NEVER, 0, 0, 10},
};
const struct style_kind style_palette = {palette, sizeof(palette) / sizeof(palette[0])};

static const struct style_value sky[] = {
    {"a clear blue sky", L_SUN,
     F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK | F_MONO, 0, 1},
    {"an open, cloudless sky", L_SUN, F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK,
     0, 1},
    {"a sky with scattered white clouds", L_SUN,
     F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK, 0, 2},
    {"a sky streaked with thin cloud", L_SUN | L_GOLD,
     F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK, 0, 2},
    {"a pale overcast sky", T_OVER, F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK, 0,
     3},
    {"an unbroken grey sky", T_OVER, F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK, 0,
     3},
    {"a pale golden sky", L_GOLD,
     F_SKY | T_RAIN | V_HIGH | V_TIGHT | F_CLOSE | T_IN | F_BACK | F_MONO | E_FOREST, 0, 4},
    {"a nearly black sky", T_NEVER, 0, 0, 5},
    {"a sky heavy with storm clouds", T_NEVER, 0, 0, 6},
};
const struct style_kind style_sky = {sky, sizeof(sky) / sizeof(sky[0])};

static const struct style_value layout[] = {
    {"a strong diagonal", 0, 0, 0, 1},
    {"a loose triangle", 0, 0, 0, 2},
    {"a gentle curve", 0, 0, 0, 3},
    {"a layered arrangement", 0, F_CLOSE, 0, 4},
    {"a set of parallel lines", 0, 0, 0, 5},
    {"a nearly symmetrical arrangement", 0, 0, 0, 6},
    {"a balanced asymmetry", 0, 0, 0, 7},
    {"a simple grid of shapes", E_ROOM | E_STREET | S_BUILDING | S_ART, 0, 0, 8},
};
const struct style_kind style_layout = {layout, sizeof(layout) / sizeof(layout[0])};
