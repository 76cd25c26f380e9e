/* Templates of seeds. Places, landmarks, art and faces. */
#include "server/domain/templates.h"

static const char *const art[] = {
    "A painting in the style of {label} on a white gallery wall.",
    "An oil painting of the {label} movement, a landscape with trees.",
    "A portrait painted in the style of {label}, in a gilded frame.",
    "A museum visitor in front of a large painting in the style of {label}.",
    "A still life in the style of {label}, oil on canvas.",
    "A page of an art book about {label}, with two paintings.",
    "A close-up of the brushwork of a painting in the style of {label}.",
    "A street scene painted in the style of {label}.",
    "An unframed canvas in the style of {label} on an easel.",
    "A museum room with {label} paintings on all walls.",
    "A print from the {label} movement on thick paper, a work of art.",
    "A seated figure painted in the style of {label}.",
    "A small painting from the {label} movement next to its museum label.",
    "A painting in the style of {label} with a river and a bridge.",
    "A poster for an exhibition of {label}, with one painting on it.",
    "An art student copying a painting in the style of {label}.",
    "A painting in the style of {label}, seen at an angle in a dim hall.",
    NULL};
const struct seed_template_set art_templates = {
    "art", "Styles and movements of art, such as Impressionism", art};

static const char *const artists[] = {
    "A painting by {label} in a gold frame on a museum wall.",
    "An oil painting by {label}, a landscape with a wide sky.",
    "A portrait of a woman painted by {label}.",
    "A visitor in a gallery looking at a painting by {label}.",
    "A pencil drawing by {label} on yellowed paper.",
    "A page of an art book with a painting by {label}.",
    "A still life painted by {label}, objects on a table.",
    "A close-up of the brushwork of a painting by {label}.",
    "A poster for an exhibition of paintings by {label}.",
    "Three framed works by the artist {label} in a row.",
    "A street scene painted by {label}.",
    "A self-portrait of the artist {label}, head and shoulders.",
    "A large canvas by {label} in a bright museum hall.",
    "An early work by the artist {label}, a group of people outdoors.",
    "A restorer with a cotton swab at work on a painting by {label}.",
    "A painting by {label} next to its museum label.",
    "A sketch by the artist {label}, ink on paper.",
    NULL};
const struct seed_template_set artists_templates = {"artists", "Names of artists", artists};

static const char *const faces[] = {
    "A close-up of a woman's face with {a label} expression.",
    "A man with {a label} expression on his face, looking at the camera.",
    "The face of a child with {a label} expression, photographed indoors.",
    "A portrait of an elderly man with {a label} facial expression.",
    "A young woman with {a label} expression on her face, in front of a plain wall.",
    "A face with {a label} expression, seen from the side.",
    "Two people facing each other, one with {a label} expression on the face.",
    "An actor on a stage with {a label} expression on the face.",
    "A passport-style photo of a face with {a label} expression.",
    "A boy in a classroom with {a label} facial expression.",
    "A woman on the telephone with {a label} expression on her face.",
    "A face in the crowd with {a label} expression.",
    "A bearded man with {a label} expression on his face, half in shadow.",
    "A drawing of a human face with {a label} expression.",
    "A teenager with glasses and {a label} facial expression.",
    "A black-and-white portrait of a face with {a label} expression.",
    "A couple on a sofa, both with {a label} expression on their faces.",
    NULL};
const struct seed_template_set faces_templates = {
    "faces", "Facial expressions, such as happy or anger", faces};

static const char *const genres[] = {
    "{A label} in oil on canvas, a painting in a gallery.",
    "{A label} in a wooden frame, a painting on a white wall.",
    "A museum visitor in front of {a label}, a large painting.",
    "{A label} in watercolour, a painting with soft edges.",
    "A close-up of {a label}, a painting with visible brush strokes.",
    "{A label} on an easel in a studio, an unfinished painting.",
    "{A label} from an old book of paintings, with a caption below.",
    "{A label} in dark colours, a painting with cracked varnish.",
    "{A label} at an auction, a painting held by two assistants.",
    "{A label} beside other paintings of the same size.",
    "{A label} in bright colours, a painting by a modern artist.",
    "A postcard with {a label}, a painting from a museum.",
    "{A label} in charcoal on paper, a study for a painting.",
    "{A label} above a fireplace, a painting in a private home.",
    "{A label} with a gilded frame, a painting lit by a small lamp.",
    "An art teacher explaining {a label}, a painting on a screen.",
    "{A label} leaning against a wall, a painting without a frame.",
    NULL};
const struct seed_template_set genres_templates = {
    "genres", "Genres of painting, such as portrait or still life", genres};

static const char *const landmarks[] = {
    "{Label} seen from across the street, with tourists in front of the landmark.",
    "A wide view of the landmark {name} under a clear sky.",
    "{Label} at dusk, a landmark lit by floodlights.",
    "A group of visitors taking photos in front of the landmark {name}.",
    "The landmark {name} photographed from below, with the sky above it.",
    "{Label}, a historic landmark, on an overcast day.",
    "A postcard of the landmark {name}.",
    "An aerial photo of the landmark {name} and its surroundings.",
    "A tour guide with a small flag in front of {label}, a landmark.",
    "{Label}, a landmark, reflected in a puddle after the rain.",
    "A detail of the landmark {name} in low sunlight.",
    "The landmark {name} behind a row of trees in autumn.",
    "A road with traffic and, behind it, the landmark {name}.",
    "{Label} in winter, a landmark with snow around it.",
    "The landmark {name} at night, seen from a distance.",
    "A black-and-white photo of the landmark {name}.",
    "A woman with a backpack looking up at the landmark {name}.",
    "A pencil drawing of the landmark {name}.",
    NULL};
const struct seed_template_set landmarks_templates = {
    "landmarks", "Landmarks by name, with or without the article", landmarks};

static const char *const places[] = {
    "A wide view of {a label} in the morning, an empty place.",
    "People walking through {a label}, a busy place in the middle of the day.",
    "{A label} seen from the entrance, a place with few visitors.",
    "{A label} in the evening, a place with its lamps on.",
    "An aerial view of {a label}, a place seen from straight above.",
    "{A label} on a rainy day, a place with wet ground.",
    "A corner of {a label}, a quiet place with nobody in the picture.",
    "{A label} in a small town, a place that looks old.",
    "A child and a grown-up in {a label}, a place for everyone.",
    "{A label} photographed through a window, a place in soft light.",
    "A postcard from the sixties of {a label}, a place in faded colours.",
    "{A label} under construction, a place with a crane and a fence.",
    "A panorama of {a label}, a place under a bright sky.",
    "{A label} in winter, a cold place with bare trees in the distance.",
    "A worker crossing {a label}, a place seen from the side.",
    "{A label} at night, a dark place with one light.",
    "A map on a board at {a label}, a public place.",
    NULL};
const struct seed_template_set places_templates = {
    "places", "Kinds of places, such as airfield or bakery", places};

static const char *const scenes[] = {
    "A scene of {a label} without people, photographed at eye level.",
    "{A label}, a scene with a large window of light from the left.",
    "A wide-angle scene of {a label}, with the floor or ground in front.",
    "{A label}, a scene with two people talking in the background.",
    "A tidy scene of {a label}, with everything in its place.",
    "{A label}, a scene in warm light at the end of the day.",
    "{A label}, a scene full of people seen from the back.",
    "A scene of {a label} seen from a doorway.",
    "{A label}, an old photo of a scene with faded colours.",
    "{A label}, a scene with strong shadows on the right.",
    "A scene of {a label} with one person in the distance.",
    "{A label}, a simple scene with few things in it.",
    "A scene of {a label} seen from above, from a balcony or a hill.",
    "{A label}, a scene in cold blue light before sunrise.",
    "A narrow view of {a label}, a scene between two dark edges.",
    "{A label}, a cluttered scene with things all over.",
    "A painted scene of {a label} on the wall of a theatre.",
    NULL};
const struct seed_template_set scenes_templates = {
    "scenes", "Scenes indoors and outdoors, such as kitchen or canyon", scenes};
