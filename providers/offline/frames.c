#include "providers/offline/frames.h"

#include <pthread.h>

#include "providers/offline/expand.h"

static struct frame style_frames[] = {
    /* light */
    {"{light} [falls in|comes in|enters] {dir} and [leaves|produces] {shadow}.", 0},
    {"The scene is lit by {light} {dir}, with {shadow} [near the base of each shape|on the far "
     "side of the main forms|around the larger forms].",
     0},
    {"{light} [covers|fills|reaches] the [whole scene|visible area|whole view].", 0},
    {"The [lighting|illumination] is {light}.", 0},
    {"The [lighting|illumination] is {light}, [coming|arriving] {dir}.", 0},
    {"{light} {dir} [falls on|outlines|reaches] {ref}.", 0},
    {"{light} {dir} [brings out|reveals|goes together with] {palette}.", 0},
    {"Under {light}, the [surfaces|visible surfaces] keep to {palette}.", 0},
    {"{palette} [dominate|prevail] under {light}.", 0},
    {"In {light}, there are {shadow} [beside|beneath|close to] {ref}.", 0},
    {"The [main|principal] light [comes|arrives] {dir}.", 0},
    {"The [main|principal] light [comes|arrives] {dir}, [so that|and] there are {shadow}.", 0},
    {"There are {shadow} [beside the main shapes|beneath the larger shapes|around the nearest "
     "forms].",
     0},
    {"{ref} {is} [seen|shown] in {light}, with {shadow} [close by|underneath|to one side].", 0},
    {"Where {light} [reaches|meets] {ground}, there are {shadow}.", 0},
    {"{light} [falls across|lies across|reaches] {ground}.", 0},
    {"{light} [shows|reveals] {surface} on {ground}.", 0},
    {"{ref} {is} lit by {light}.", 0},
    {"{ref} {is} lit by {light} {dir}.", 0},
    {"The [strongest|brightest] light [reaches|meets] {ref} {dir}.", 0},
    {"[Light|Most of the light] [enters|arrives] {dir}, where it [meets|reaches] {ref}.", 0},
    {"[Most of the light|The light] in the scene [comes|arrives] {dir}.", 0},
    {"[Most of the light|The light] [reaches|meets] {ground} {dir}.", 0},
    {"[The light that comes|Light coming] {dir} [meets|reaches] {part}.", 0},
    {"Because of {light}, {ref} {has} {shadow} [close by|underneath|to one side].", 0},
    /* colour */
    {"The [colour range|colour scheme|range of colours] [leans towards|is limited to|consists "
     "mainly of] {palette}.",
     0},
    {"{palette} [dominate the scene|prevail across the frame|fill most of the frame].", 0},
    {"{palette} surround {accent}.", 0},
    {"Among {palette}, {accent} {accent_is} the [strongest|most vivid] [spot of colour|colour "
     "accent].",
     0},
    {"{accent} {accent_is} the [most vivid|strongest] [colour accent|spot of colour] in the "
     "[frame|scene].",
     0},
    {"The [view|scene] [combines|joins] {palette} with {focus}.", 0},
    /* camera */
    {"The [scene|view] is [framed|composed|set up] as {framing} from {view}.", 0},
    {"{framing} from {view} [keeps|holds] {ref} clearly in view.", 0},
    {"The [scene|view] is [seen|shown|recorded] from {view}.", 0},
    {"The [scene|view] is [seen|shown|recorded] from {view}, with {focus}.", 0},
    {"{framing} [contains|holds|frames] {ref}.", 0},
    {"The [whole|scene] is presented as {framing}.", 0},
    {"Seen from {view}, {ref} {is} [placed|positioned|set] {position} of the frame.", 0},
    {"From {view}, {ref} appear{s} {position} of the frame.", 0},
    {"{ref} {is} [placed|positioned|located] {position} of the frame.", 0},
    {"{position} of the frame {is} {ref}.", 0},
    {"{position} of the frame, {ref} {is} [shown|seen] {pose}.", 0},
    {"{ref} {is} [caught|shown|seen] {pose}.", 0},
    {"{ref} {is} [caught|shown] {pose}, [placed|set] {position} of the frame.", 0},
    {"{pose}, {ref} {is} [seen|shown] from {view}.", 0},
    {"{framing} shows {ref} {pose}.", 0},
    {"{framing} with {focus} [shows|presents] {ref}.", 0},
    {"The scene has {focus}.", 0},
    {"As {framing}, the scene places {ref} {position} of the frame.", 0},
    {"{view} serves as the [viewpoint|point of view], and there is {focus}.", 0},
    {"{ref} {is} [shown|presented] with {focus}.", 0},
    {"{framing}, seen from {view}, [contains|holds] {ref}.", 0},
    {"The [scene|view] has {focus}, and {ref} {is} [placed|set] {position} of the frame.", 0},
    /* composition */
    {"The composition [rests on|is built around|follows] {layout}.", 0},
    {"The composition [rests on|is built around|follows] {layout}, with {ref} {position} of the "
     "frame.",
     0},
    {"The main [shapes|lines|forms] [make up|suggest|amount to] {layout}.", 0},
    {"{layout} [organises|structures|orders] the [scene|frame|view].", 0},
    {"{layout} and {focus} [organise|structure|shape] the [scene|frame|view].", 0},
    {"Together, {ref} and the surroundings form {layout}.", 0},
    {"Seen from {view}, the main shapes form {layout}.", 0},
    {"{layout} [links|connects] {ref} [to|with] {backdrop}.", 0},
    /* behind */
    {"Behind {ref}, the view [ends with|closes with|takes in] {backdrop}.", 0},
    {"The background [shows|contains|consists of] {backdrop}.", 0},
    {"The background [shows|contains] {backdrop} under {sky}.", 0},
    {"{sky} [is visible|extends|opens] above {backdrop}.", 0},
    {"{sky} [fills|takes up|occupies] the [upper part|top] of the frame.", 0},
    {"[Above|Overhead], the view opens onto {sky}.", 0},
    {"[Farther back|Beyond {ref}|In the background], {backdrop} can be [seen|made out].", 0},
    {"{backdrop} can be [seen|made out] [in the background|farther back|behind {ref}].", 0},
    {"With {focus}, the view [leads|extends|runs] back to {backdrop}.", 0},
    {"{light} also [reaches|falls on] {backdrop} [in the background|farther back].", 0},
    {"Between {ref} and {backdrop} there is [open space|a stretch of open space], with {shadow}.",
     0},
    /* ground */
    {"{ground} [has|shows|displays] {surface}.", 0},
    {"{ground} [has|shows] {surface}, and {detail} can be seen [to one side|near the lower edge|in "
     "the foreground|close by].",
     0},
    {"[Near the lower edge|To one side|In the foreground], {detail} can be [made out|seen].", 0},
    {"{ground} [has|shows] {surface}, with {shadow} across it.", 0},
    {"{detail} can be [seen|made out] [close to {ref}|near {ref}|next to {ref}].", 0},
    {"[Near|Around] {ref}, {ground} [has|shows] {surface}.", 0},
    {"{ground} [has|shows] {surface}, and behind it [the view closes with|there is a view of] "
     "{backdrop}.",
     0},
    {"The nearest details are {detail} and {shadow}.", 0},
    {"Besides {ref}, the frame [includes|contains] {detail}.", 0},
    /* surface of the subject and its things */
    {"{part} [shows|has] {finish}.", 0},
    {"{part} [shows|has] {finish}, and {ref} {is} shown {pose}.", 0},
    {"On {ref}, {part} [shows|has] {finish}.", 0},
    {"In {light}, {part} [shows|has] {finish}.", 0},
    {"{part} [shows|has] {finish}, while {ground} [shows|has] {surface}.", 0},
    {"{ref} {has} {feature}.", 0},
    {"{ref} {has} {feature}, [seen|shown] here in {light}.", 0},
    {"{feature} can be [seen|made out] on {ref}.", 0},
    {"[Among the details of {ref}|On {ref}], {feature} can be [seen|noticed].", 0},
    {"{ref} {has} {feature}, and {part} [shows|has] {finish}.", 0},
    {"{ref} {has} {feature} and {is} shown {pose}.", 0},
    {"{thing} {thing_is} [clearly|plainly] [visible|outlined].", 0},
    {"{thing} {thing_is} [drawn|rendered] with clear edges.", 0},
    {"The [outline|shape|edge] of {thing} is [clear|easy to follow|sharply drawn].", 0},
    {"{light} [picks out|falls on|reaches] {thing}.", 0},
    {"{thing} {thing_is} [set against|seen against] {palette}.", 0},
    {"{thing} {thing_is} [clearly|plainly] visible, and [the main shapes form|the whole follows] "
     "{layout}.",
     0},
};

static struct frame sentence_frames[] = {
    {"{seed}", 0},
    {"{seed}", 0},
    {"{seed}", 0},
    {"{seed}", 0},
    {"In this scene, {seed}", 0},
    {"Here, {seed}", 0},
    {"In {framing}, {seed}", 0},
    {"In {framing} from {view}, {seed}", 0},
    {"Seen from {view}, {seed}", 0},
    {"Under {light}, {seed}", 0},
    {"In {light} {dir}, {seed}", 0},
    {"Beneath {sky}, {seed}", 0},
    {"In {framing} with {focus}, {seed}", 0},
    {"Against {backdrop}, {seed}", 0},
};

static struct frame phrase_frames[] = {
    {"The scene shows {seed}", 0},
    {"The [scene|view] [presents|shows|contains] {seed}", 0},
    {"This is [a view of|a scene with] {seed}", 0},
    {"[The frame|The view] [is given over to|is centred on] {seed}", 0},
    {"{framing} shows {seed}", 0},
    {"{framing} from {view} [shows|presents] {seed}", 0},
    {"Under {light}, the scene shows {seed}", 0},
    {"Seen from {view}, the scene shows {seed}", 0},
    {"{light} {dir} falls on {seed}", 0},
    {"Beneath {sky}, the view shows {seed}", 0},
    {"Against {backdrop}, the scene shows {seed}", 0},
    {"From {view}, the viewer sees {seed}", 0},
    {"{framing} with {focus} shows {seed}", 0},
};

/* "a painting of …": the seed itself says what kind of view it is. */
static struct frame picture_frames[] = {
    {"This is {seed}", 0},
    {"The scene is {seed}", 0},
    {"What is shown here is {seed}", 0},
    {"The whole view is {seed}", 0},
    {"Seen here is {seed}", 0},
};

static struct frame doubtful_frames[] = {
    {"The scene is as follows: {seed}", 0},
    {"What can be seen is this: {seed}", 0},
    {"The [main content|main event|centre] of the scene is this: {seed}", 0},
    {"Seen from {view}, the scene is as follows: {seed}", 0},
    {"Under {light}, one thing takes up the scene: {seed}", 0},
    {"{framing} presents the following: {seed}", 0},
};

static struct frame verbatim_frames[] = {{"{seed}", 0}};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        frames[i].mask = template_mask(frames[i].template);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void fill_all(void)
{
    fill(style_frames, COUNT(style_frames));
    fill(sentence_frames, COUNT(sentence_frames));
    fill(phrase_frames, COUNT(phrase_frames));
    fill(doubtful_frames, COUNT(doubtful_frames));
    fill(picture_frames, COUNT(picture_frames));
    fill(verbatim_frames, COUNT(verbatim_frames));
}

struct frame_list frames_style(void)
{
    pthread_once(&once, fill_all);
    return (struct frame_list){style_frames, COUNT(style_frames)};
}

struct frame_list frames_seed(enum seed_form form)
{
    pthread_once(&once, fill_all);
    switch (form) {
    case SEED_SENTENCE:
        return (struct frame_list){sentence_frames, COUNT(sentence_frames)};
    case SEED_PHRASE:
        return (struct frame_list){phrase_frames, COUNT(phrase_frames)};
    case SEED_DOUBTFUL:
        return (struct frame_list){doubtful_frames, COUNT(doubtful_frames)};
    case SEED_PICTURE:
        return (struct frame_list){picture_frames, COUNT(picture_frames)};
    case SEED_VERBATIM:
        break;
    }
    return (struct frame_list){verbatim_frames, COUNT(verbatim_frames)};
}
