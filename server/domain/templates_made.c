/* Templates of seeds. What people make and use. */
#include "server/domain/templates.h"

static const char *const clothing[] = {
    "{A label} in a clothes shop, displayed against a white wall.",
    "{A label} on a shelf of a clothes shop.",
    "A woman wearing {a label}, an outfit photographed from head to foot.",
    "A man in a street wearing {a label} as part of his clothes.",
    "{A label} laid out flat on a bed, clothing ready to be worn.",
    "A close-up of the fabric of {a label}, a piece of clothing with visible seams.",
    "{A label} drying in a garden, freshly washed clothing.",
    "A shop window with {a label} on a mannequin.",
    "{A label} in an open suitcase among other clothes.",
    "A tailor with a tape measure and {a label}, clothing on a work table.",
    "{A label} on a rack of second-hand clothes.",
    "A child wearing {a label}, clothing that is too large.",
    "{A label} over the back of a chair, clothing taken off in the evening.",
    "{A label} on a plain grey background, clothing as in a catalogue.",
    "A model on a catwalk wearing {a label}, clothing of one colour.",
    "{A label} in a wardrobe between other clothes.",
    "A drawing of {a label} in a book about dress.",
    NULL};
const struct seed_template_set clothing_templates = {
    "clothing", "Clothes, shoes and what else is worn", clothing};

static const char *const food[] = {
    "A plate with {a label} on a wooden restaurant table.",
    "A close-up of {a label}, freshly cooked food on a white plate.",
    "{A label} for dinner, with a fork and a napkin beside the plate.",
    "{A label} on a kitchen counter, home-cooked food next to a pot.",
    "A home-cooked meal, {label}, on a dining table.",
    "{A label} at a food stall on a street market.",
    "A waiter carrying a plate with {a label} to a table.",
    "A cook in an apron preparing {a label} in a kitchen.",
    "{A label} seen from above, a dish with a glass of water beside it.",
    "Two people at a restaurant table, each with {a label} on the plate.",
    "A person eating {a label} at a small café table.",
    "{A label} in a lunch box, a meal for work.",
    "A family at dinner with {a label} in the middle of the table.",
    "{A label} in a takeaway box on a park bench, somebody's lunch.",
    "{A label} with fresh herbs and a slice of lemon on a plate.",
    "A half-eaten dish, {label}, on a plate.",
    "{A label} on a buffet, one dish among many.",
    "{A label} on a dark slate plate, food photographed from the side.",
    NULL};
const struct seed_template_set food_templates = {"food", "Dishes and other food", food};

static const char *const home[] = {
    "{A label} in a living room, a household item near a sofa.",
    "{A label} in a kitchen in daylight, a thing of everyday use at home.",
    "{A label} in the corner of a bedroom at home.",
    "A close-up of {a label}, a household item photographed at home.",
    "{A label} in a furnished room at home, between a lamp and a plant.",
    "{A label} in a household shop, with a price tag.",
    "{A label} among cardboard boxes, a household item before a move.",
    "{A label} by the window of a small flat, a thing used at home.",
    "{A label} on a white background, a household item as in a catalogue.",
    "A child at home standing next to {a label}.",
    "{A label} in a hallway at home, with coats on the wall.",
    "A woman at home wiping dust from {a label}.",
    "{A label} at a flea market, an old household item for sale.",
    "{A label} in a rented room, a household item against a bare wall.",
    "{A label} in a garage at home, among other household things.",
    "A pencil sketch of {a label}, a household item.",
    "{A label} at home, photographed from above.",
    NULL};
const struct seed_template_set home_templates = {"home", "Things of the household", home};

static const char *const objects[] = {
    "{A label} on a wooden table, an object in soft daylight.",
    "A close-up of {a label}, an object with its surface in focus.",
    "{A label} on a white background, a single object.",
    "{A label} held up in one hand, an object in front of a grey wall.",
    "{A label} on a shelf, one object among many.",
    "{A label} on the ground outdoors, an object in short grass.",
    "{A label} in a shop window, an object behind glass.",
    "{A label} on a market stall, an old object between others.",
    "{A label} seen from above, an object on a dark cloth.",
    "{A label} in an open drawer, an object among smaller things.",
    "{A label} in a museum case, an object with a small sign.",
    "{A label} on a windowsill, an object against the light.",
    "A person at a workbench repairing {a label}, an object with worn edges.",
    "A drawing of {a label}, an object with thin black lines.",
    "{A label} in a cardboard box, an object wrapped in paper.",
    "{A label} next to a coin, an object of which the size can be seen.",
    "A child pointing at {a label}, an object on a low table.",
    NULL};
const struct seed_template_set objects_templates = {"objects", "Objects that fit on a table",
                                                    objects};

static const char *const office[] = {
    "{A label} in an office, next to a desk with a computer screen.",
    "A close-up of {a label}, an office item in daylight.",
    "{A label} in an open-plan office, with people working behind.",
    "{A label} in an office supply shop, with a price tag.",
    "{A label} in an office, photographed from above.",
    "{A label} in a meeting room of an office.",
    "{A label} in the storage room of an office, among other supplies.",
    "An office worker reaching for {a label}.",
    "{A label} on a white background, an office item as in a catalogue.",
    "{A label} in a tidy office by a window.",
    "{A label} in lamplight, an office item after working hours.",
    "{A label} in a home office, in front of a white wall.",
    "{A label} at the reception of an office building.",
    "Two colleagues in an office, with {a label} between them.",
    "{A label} among packed boxes, office equipment before a move.",
    "{A label} at an empty office workplace in the evening.",
    "{A label} in an office, a photo taken with flash against a grey wall.",
    NULL};
const struct seed_template_set office_templates = {"office", "Things of the office", office};

static const char *const vehicles[] = {
    "A front view of {a label}, a vehicle at rest.",
    "{A label} in motion, a vehicle with a blurred background.",
    "A side view of {a label}, a vehicle on an open site.",
    "{A label} in a museum hall, an old vehicle with a sign beside it.",
    "{A label} in the rain, a vehicle under a dark sky.",
    "A close-up of the front of {a label}, a vehicle with its lights on.",
    "{A label} among other vehicles, seen from above.",
    "A mechanic in overalls working on {a label}, a vehicle in a workshop.",
    "{A label} at sunset, the outline of a vehicle against the sky.",
    "{A label} at an exhibition, a polished vehicle with visitors around.",
    "{A label} on a cold winter day, a vehicle in white surroundings.",
    "A child waving at {a label}, a passing vehicle.",
    "{A label} seen from behind, a vehicle on its way.",
    "An abandoned vehicle, {a label}, overgrown with grass.",
    "{A label} on a poster, a vehicle in bright colours.",
    "Two people standing in front of {a label}, a vehicle ready to leave.",
    "{A label} in an old black-and-white photo of a vehicle.",
    NULL};
const struct seed_template_set vehicles_templates = {
    "vehicles", "Cars, ships, aircraft and other vehicles", vehicles};
