/* Templates of seeds. What lives: the groups of iNaturalist, and flowers. */
#include "server/domain/templates.h"

static const char *const algae[] = {
    "{A label} washed up on a beach, a piece of alga on wet sand.",
    "{Label}, a seaweed, spread out on a sheet of paper to dry.",
    "A tide pool with {label} among other algae on the rocks.",
    "A close-up of {label}, an alga, held between two fingers.",
    "Fronds of {label}, an alga, drifting in clear sea water.",
    "A diver passing {label} growing as algae on the seabed.",
    "{Label} under a microscope, the cells of the alga in bright light.",
    "A glass jar of sea water with {label}, labelled as an alga.",
    "Rocks at low tide covered with {label} and other seaweed.",
    "A hand lifting {label}, a slippery alga, out of a bucket.",
    "{Label}, an alga, in a shallow dish on a laboratory table.",
    "Waves pulling at {label} and other algae on a stone jetty.",
    "A pressed specimen of {label} in a collection of algae.",
    "{Label} floating as seaweed on the surface of a calm bay.",
    "A row of algae samples with {label} in the middle.",
    "A rope overgrown with {label}, an alga, hanging from a pier.",
    NULL};
const struct seed_template_set algae_templates = {"algae", "Seaweeds, diatoms and other chromists",
                                                  algae};

static const char *const amphibians[] = {
    "{A label} sitting on a wet leaf, an amphibian with shiny skin.",
    "A close-up of the head of {a label}, an amphibian, seen from the side.",
    "{A label} at the edge of a pond, half of the amphibian in the water.",
    "{A label} on moss in a damp forest, an amphibian among fallen leaves.",
    "{A label} held in an open hand, a small amphibian on the palm.",
    "{A label}, an amphibian, crossing a rain-soaked road at night.",
    "{A label} under a rotten log, an amphibian on dark soil.",
    "{A label} floating in shallow water, only the amphibian's head above the surface.",
    "{A label} in a glass terrarium, an amphibian behind a water bowl.",
    "{A label} photographed from above, an amphibian on grey stones.",
    "{A label} next to a mushroom, an amphibian on the forest floor.",
    "{A label} clinging to a reed stem, an amphibian near the water.",
    "A biologist in rubber boots looking at {a label}, an amphibian, beside a stream.",
    "{A label} on a white background, an amphibian seen from the front.",
    "{A label} among water plants, the back of the amphibian in sunlight.",
    "{A label} on the bark of a tree, an amphibian at rest.",
    "{A label} in the beam of a torch, an amphibian on wet grass.",
    NULL};
const struct seed_template_set amphibians_templates = {
    "amphibians", "Frogs, toads, salamanders and newts", amphibians};

static const char *const animals[] = {
    "{A label}, an animal, photographed in its natural surroundings.",
    "A close-up of {a label}, an animal seen from the side.",
    "{A label} in a tide pool, an animal among stones and shells.",
    "{A label} behind the glass of an aquarium, an animal on display.",
    "{A label} on a sandy seabed, an animal in blue light.",
    "{A label} on a gloved hand, an animal held up to the camera.",
    "A drawing of {a label} on a page of an old book about animals.",
    "{A label} on a white background, an animal photographed from above.",
    "{A label} beside a ruler, an animal measured in a laboratory.",
    "{A label} partly hidden under a stone, an animal seen from above.",
    "Two divers with a lamp in front of {a label}, a wild animal.",
    "{A label} in a shallow tray of water, an animal on a table.",
    "A child pointing at {a label}, an animal at the zoo.",
    "{A label} at night in the light of a lamp, an animal on dark ground.",
    "{A label} in the middle of the picture, an animal with a blurred background.",
    "Several visitors standing around a tank with {a label}, a living animal.",
    NULL};
const struct seed_template_set animals_templates = {
    "animals", "Animals of any kind, such as jellyfish, worms and starfish", animals};

static const char *const arachnids[] = {
    "{A label} in the middle of a web, an arachnid with drops of dew around.",
    "A close-up of {a label}, an arachnid with all eight legs in focus.",
    "{A label} on a green leaf, an arachnid seen from above.",
    "{A label} on a white wall, an arachnid in the corner of a room.",
    "{A label}, an arachnid, on the bark of a tree.",
    "{A label} under a flat stone, an arachnid on dry soil.",
    "{A label} hanging from a thread, an arachnid against a dark background.",
    "{A label} on the tip of a finger, a tiny arachnid.",
    "{A label} in a glass jar, an arachnid seen through the side.",
    "{A label} on sand, an arachnid and the shadow of its legs.",
    "{A label} beside a coin, an arachnid on a wooden table.",
    "{A label} on a yellow flower, an arachnid waiting on a petal.",
    "{A label} at the mouth of a burrow, an arachnid in low light.",
    "{A label} photographed from the front, the eyes of the arachnid in focus.",
    "{A label} in a terrarium, an arachnid on a piece of cork.",
    "{A label} with captured prey, an arachnid on a blade of grass.",
    "{A label} on a window pane, an arachnid with the sky behind.",
    NULL};
const struct seed_template_set arachnids_templates = {
    "arachnids", "Spiders, scorpions, ticks and mites", arachnids};

static const char *const birds[] = {
    "{A label} perched on a bare branch, a bird seen from the side.",
    "A close-up of the head of {a label}, the bird's beak in focus.",
    "{A label} in flight with both wings spread, a bird against a pale sky.",
    "{A label} at the edge of shallow water, a bird and its reflection.",
    "{A label} on a wooden fence post, a bird with a green field behind.",
    "{A label} on the ground among dry leaves, a bird looking for food.",
    "{A label} on a nest, a bird between twigs and leaves.",
    "{A label} with ruffled feathers on a winter day, a bird in the snow.",
    "{A label} taking off, a bird with its wings raised.",
    "{A label} on a rock by the sea, a bird facing the wind.",
    "Two birdwatchers with binoculars and, in front of them, {a label}.",
    "{A label} preening, a bird with its beak in its feathers.",
    "{A label} half hidden by leaves, a bird in the crown of a tree.",
    "{A label} in the evening light, the outline of a bird on a wire.",
    "{A label} with open beak, a bird calling from a bush.",
    "{A label} photographed from behind, the feathers of the bird's back in detail.",
    "A painting of {a label} in an old book about birds.",
    NULL};
const struct seed_template_set birds_templates = {"birds", "Birds", birds};

static const char *const fish[] = {
    "{A label} swimming above a coral reef, a fish seen from the side.",
    "{A label} in an aquarium, a fish among green water plants.",
    "A close-up of {a label}, the scales of the fish in focus.",
    "An angler holding up {a label}, a freshly caught fish.",
    "{A label} on crushed ice, a whole fish at a market stall.",
    "{A label} close to the sandy bottom, a fish in murky water.",
    "A shoal of fish with {a label} in front.",
    "{A label} in a landing net, a fish just out of the water.",
    "{A label} beside a measuring tape, a fish on a wet board.",
    "{A label} seen from above, a fish in a clear stream.",
    "A diver behind {a label}, a fish in deep blue water.",
    "{A label} with open mouth, a fish facing the camera.",
    "{A label} on a white background, a fish with its fins spread.",
    "{A label} near the surface, a fish with sunlight on its back.",
    "A drawing of {a label}, a plate from a book about fish.",
    "{A label} in the hands of a child, a small fish in a plastic bag of water.",
    "{A label} hiding between rocks, the head of the fish showing.",
    NULL};
const struct seed_template_set fish_templates = {"fish", "Fish", fish};

static const char *const flowers[] = {
    "A single {label} flower with a blurred green background.",
    "A close-up of {a label}, the centre of the flower in sharp focus.",
    "A garden bed full of {label} flowers in the sun.",
    "A bunch of {label} flowers in a glass vase on a windowsill.",
    "{A label} with drops of rain on the petals, a flower after a shower.",
    "A bee on {a label}, a flower in a garden.",
    "{A label} in a clay pot, a flower on a balcony.",
    "A field of {label} flowers under a blue sky.",
    "{A label} seen from above, a flower with all petals open.",
    "A bud of {a label} next to an open flower on the same stem.",
    "A woman holding a bouquet of {label} flowers.",
    "{A label} at the edge of a path, a wild flower in tall grass.",
    "A flower shop with a bucket of {label} flowers beside the door.",
    "{A label} in the last light of the day, a flower against the sun.",
    "{A label} on a white background, a flower with its stem and leaves.",
    "A watercolour of {a label}, a flower in a botanical book.",
    "A hand touching the petals of {a label}, a flower on a bush.",
    NULL};
const struct seed_template_set flowers_templates = {"flowers", "Flowers by name", flowers};

static const char *const fungi[] = {
    "{A label} on a mossy log, a fungus in a damp forest.",
    "A close-up of {a label}, the cap of the fungus seen from the side.",
    "A group of fungi with {a label} in the middle, between fallen leaves.",
    "{A label} photographed from below, the underside of the fungus in view.",
    "{A label} at the foot of a tree, a fungus among roots.",
    "{A label} in the hand of a mushroom picker, a fungus with soil on it.",
    "A basket of wild mushrooms with {a label} on top.",
    "{A label} in short grass, a fungus on a lawn in autumn.",
    "{A label} cut in half on a wooden board, the inside of a fungus.",
    "{A label} covered with drops of water, a fungus after the rain.",
    "{A label} on the bark of a standing tree, a fungus at eye level.",
    "A slug next to {a label}, a fungus on the forest floor.",
    "{A label} seen from above, the surface of a fungus in detail.",
    "A drawing of {a label} in a guide to mushrooms.",
    "{A label} beside a pocket knife, a fungus on a stone.",
    "{A label} on white paper, a fungus with a ruler next to it.",
    "Low sunlight between the trees and {a label}, a fungus on the ground.",
    NULL};
const struct seed_template_set fungi_templates = {"fungi", "Mushrooms, lichens and other fungi",
                                                  fungi};

static const char *const insects[] = {
    "{A label} on a purple flower, an insect seen from the side.",
    "A macro photo of {a label}, the head of the insect in focus.",
    "{A label} with open wings on a leaf, an insect seen from above.",
    "{A label} on the tip of a blade of grass, an insect at sunrise.",
    "{A label} on the bark of an oak, an insect that is hard to see.",
    "{A label} on the back of a hand, a small insect.",
    "{A label} caught in flight, an insect in front of a blurred meadow.",
    "{A label} on a window pane, an insect with the garden behind.",
    "{A label} pinned in a wooden box, an insect of a collection.",
    "{A label} on bare soil, an insect between small stones.",
    "{A label} on a stem covered with dew, an insect in the morning.",
    "Two of the same kind of insect, {label}, on one leaf.",
    "{A label} at a garden lamp in the night, an insect on a white wall.",
    "{A label} beside a ruler, an insect on white paper.",
    "{A label} feeding on a leaf with holes in it, an insect on a twig.",
    "{A label} photographed from the front, the eyes of an insect.",
    "A child with a magnifying glass looking at {a label}, an insect.",
    NULL};
const struct seed_template_set insects_templates = {"insects", "Insects", insects};

static const char *const mammals[] = {
    "{A label} in tall grass, a mammal looking towards the camera.",
    "A close-up of the face of {a label}, a mammal with its fur in focus.",
    "{A label} standing in profile, a mammal on open ground.",
    "{A label} resting in the shade of a tree, a wild mammal.",
    "{A label} drinking at a water hole, a mammal and its reflection.",
    "{A label} with a young one close by, mammals in a meadow.",
    "{A label} on a snowy slope, a mammal with thick fur.",
    "{A label} photographed by a trail camera at night, a mammal on a path.",
    "{A label} in a zoo enclosure, a mammal behind a low wall.",
    "{A label} on a rock, a mammal in the evening light.",
    "{A label} crossing a dirt road, a mammal seen from a car.",
    "{A label} between bushes, only the upper half of the mammal showing.",
    "{A label} feeding on plants, a mammal at the edge of a wood.",
    "{A label} seen from behind, a mammal walking away.",
    "{A label} lying on its side, a sleeping mammal on dry leaves.",
    "{A label} in shallow water, a mammal wet to the shoulders.",
    "A pencil drawing of {a label} in a guide to mammals.",
    NULL};
const struct seed_template_set mammals_templates = {"mammals", "Mammals", mammals};

static const char *const mollusks[] = {
    "{A label} on a wet stone, a mollusk after the rain.",
    "A close-up of {a label}, a mollusk with fine lines on its surface.",
    "{A label} on a green leaf, a mollusk leaving a shiny trail.",
    "{A label} on the sand of a beach, a mollusk at low tide.",
    "{A label} in a tide pool, a mollusk beside a sea urchin.",
    "{A label} in the palm of a hand, a mollusk from the beach.",
    "{A label} on the seabed, a mollusk photographed by a diver.",
    "{A label} against the glass of an aquarium, a mollusk seen from below.",
    "An old shell of {a label} in a museum drawer of mollusks.",
    "{A label} on a garden path, a mollusk between two paving stones.",
    "{A label} on a rope of a harbour wall, a mollusk among barnacles.",
    "{A label} on a white background, a mollusk seen from above.",
    "{A label} in a bucket of sea water, a mollusk caught this morning.",
    "{A label} under a piece of bark, a mollusk on damp soil.",
    "{A label} next to a coin, a mollusk on a wooden table.",
    "A drawing of {a label} on a chart of mollusks.",
    "{A label} at the foot of a wall, a mollusk in the shade.",
    NULL};
const struct seed_template_set mollusks_templates = {
    "mollusks", "Snails, slugs, shells, squids and octopuses", mollusks};

static const char *const plants[] = {
    "{A label} in a clay pot on a windowsill, a green plant in daylight.",
    "A close-up of a leaf of {a label}, the veins of the plant in focus.",
    "{A label} by a forest path, a plant among ferns and moss.",
    "{A label} in a botanical garden, a plant with a name plate.",
    "A gardener in gloves planting {a label} in a bed.",
    "{A label} on a rocky slope, a plant growing in a crack.",
    "{A label} in a greenhouse, one plant among many on a long table.",
    "Young plants of {label} in small pots on a tray.",
    "{A label} with ripe seeds, a plant in late summer.",
    "{A label} along a fence, a plant as tall as a person.",
    "{A label} seen from above, the leaves of the plant in a circle.",
    "{A label} covered with frost, a plant on a winter morning.",
    "{A label} on a pressed sheet of a herbarium, a dried plant.",
    "{A label} on the bank of a stream, a plant with wet leaves.",
    "{A label} in the evening sun, the outline of a plant against the sky.",
    "The stem of {a label}, a plant photographed from the side.",
    "A hand holding a twig of {a label}, a wild plant.",
    NULL};
const struct seed_template_set plants_templates = {"plants", "Plants other than by their flowers",
                                                   plants};

static const char *const protozoa[] = {
    "{Label} on a rotten log, a protozoan that looks like a crust.",
    "A macro photo of {label}, a protozoan on dead wood.",
    "{Label} under a microscope, a single protozoan in bright light.",
    "{Label} on damp leaves, a protozoan on the forest floor.",
    "A glass slide with {label}, a protozoan in a drop of water.",
    "{Label} spreading over bark, a protozoan after days of rain.",
    "{Label} in a round dish, a protozoan grown in a laboratory.",
    "A hand lens held over {label}, a protozoan on a twig.",
    "{Label} on moss, a protozoan with small round heads.",
    "A micrograph of {label}, a protozoan on a dark background.",
    "{Label} on a pile of wood chips, a protozoan in a garden.",
    "A drawing of {label} in a textbook about protozoa.",
    "{Label} beside a fingertip, a tiny protozoan on a stump.",
    "A student looking through a microscope at {label}, a protozoan.",
    "{Label} on the underside of a log, a protozoan in the shade.",
    "{Label} in side light, a protozoan on grey bark.",
    NULL};
const struct seed_template_set protozoa_templates = {"protozoa", "Slime moulds and other protozoa",
                                                     protozoa};

static const char *const reptiles[] = {
    "{A label} basking on a warm stone, a reptile in the sun.",
    "A close-up of the head of {a label}, the scales of the reptile in focus.",
    "{A label} on a sandy path, a reptile seen from above.",
    "{A label} in dry grass, a reptile partly hidden.",
    "{A label} on a branch, a reptile above green leaves.",
    "{A label} in a terrarium under a heat lamp, a pet reptile.",
    "{A label} held by a keeper in both hands, a reptile at a zoo.",
    "{A label} at the edge of a river, a reptile half in the water.",
    "{A label} on a wall in the evening, a reptile near a lamp.",
    "{A label} crossing an empty road, a reptile on grey asphalt.",
    "{A label} with open mouth, a reptile seen from the front.",
    "{A label} on a white background, a reptile in profile.",
    "{A label} between stones, only the reptile's head showing.",
    "{A label} on a fallen log, a reptile above still water.",
    "The skin of {a label}, the pattern of a reptile from very near.",
    "{A label} under a bush, a reptile in spotted shade.",
    "A drawing of {a label} in an old book about reptiles.",
    NULL};
const struct seed_template_set reptiles_templates = {
    "reptiles", "Snakes, lizards, turtles and crocodiles", reptiles};
