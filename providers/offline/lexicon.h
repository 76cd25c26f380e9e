/* The words that the composer knows. Tables are plain rows; an index over every surface form is
 * built once per process. Nothing here changes after that. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_LEXICON_H
#define MONOCEROS_PROVIDERS_OFFLINE_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

/* What a scene is known to be. A word adds traits, a value of a caption asks for or shuns them. */
#define T(n)       ((uint64_t)1 << (n))
#define T_OUT      T(0)
#define T_IN       T(1)
#define T_NIGHT    T(2)
#define T_DUSK     T(3)
#define T_SUN      T(4)
#define T_DULL     T(5) /* cloud, fog */
#define T_RAIN     T(6)
#define T_OVER     T(7) /* an overcast light was chosen */
#define E_BEACH    T(8) /* E_: the setting */
#define E_SNOW     T(9)
#define E_ICE      T(10)
#define E_WATER    T(11)
#define E_POOL     T(12)
#define E_UNDER    T(13)
#define E_GRASS    T(14)
#define E_FIELD    T(15) /* ground for ball games */
#define E_STREET   T(16)
#define E_FOREST   T(17)
#define E_ROCK     T(18)
#define E_DESERT   T(19)
#define E_DIRT     T(20)
#define E_ROOM     T(21)
#define E_STAGE    T(22)
#define E_COURT    T(23)
#define E_SKY      T(24)
#define E_NONE     T(25) /* no setting is known */
#define S_PERSON   T(26) /* S_: the main subject */
#define S_FUR      T(27)
#define S_BIRD     T(28)
#define S_VEHICLE  T(29)
#define S_FOOD     T(30)
#define S_PLANT    T(31)
#define S_BUILDING T(32)
#define S_THING    T(33)
#define S_ART      T(34)
#define S_WATERY   T(35) /* fish, reptile, insect: neither fur nor feather */
#define F_CLOSE    T(36) /* F_: what the seed itself settles */
#define F_WIDE     T(37)
#define F_VIEW     T(38)
#define F_POSITION T(39)
#define F_BACK     T(40)
#define F_SHADOW   T(41)
#define F_SKY      T(42)
#define F_BLUR     T(43)
#define F_EMPTY    T(44)
#define F_MONO     T(45)
#define F_TEXTURE  T(46)
#define F_COAT     T(47)
#define F_BARE     T(48)
#define F_WET      T(49)
#define F_BODY     T(50)
#define F_PALETTE  T(51)
#define F_FIT      T(52)
#define F_ART      T(53) /* a work of art or a graphic, not a camera's view */
#define F_LIGHT    T(54) /* the seed speaks of light itself */
#define L_SUN      T(55) /* L_: the light that was chosen */
#define L_SOFT     T(56)
#define L_GOLD     T(57)
#define L_DARK     T(58)
#define L_LAMP     T(59)
#define V_HIGH     T(60)
#define V_TIGHT    T(61)
#define F_LIVE     T(62) /* subject stands for a living being */
#define T_NEVER    T(63) /* recognised, never composed */
#define E_ALL                                                                                      \
    (E_BEACH | E_SNOW | E_ICE | E_WATER | E_POOL | E_UNDER | E_GRASS | E_FIELD | E_STREET |        \
     E_FOREST | E_ROCK | E_DESERT | E_DIRT | E_ROOM | E_STAGE | E_COURT | E_SKY)

enum noun_class {
    N_OTHER,
    N_PERSON,
    N_GROUP, /* generic or collective people: distractors of the same kind do not exist */
    N_ANIMAL,
    N_VEHICLE,
    N_FOOD,
    N_PLANT,
    N_BUILDING,
    N_ART,
    N_THING,
    N_CLOTHES,
    N_PLACE,
    N_BODY,
    N_QUANTITY, /* "group of", "pair of": the head follows */
};

struct noun {
    const char *one;
    const char *many;    /* NULL: no plural, or the same word */
    const char *concept; /* NULL: `one` itself */
    enum noun_class class;
    uint64_t traits;
};

enum verb_family {
    V_OTHER,
    V_RUN,
    V_WALK,
    V_JUMP,
    V_SIT,
    V_STAND,
    V_LIE,
    V_RIDE,
    V_SWIM,
    V_CLIMB,
    V_PLAY,
    V_LOOK,
    V_HOLD,
    V_EAT,
    V_TALK,
    V_MAKE,
    V_READ,
    V_DANCE,
    V_THROW,
    V_FLY,
    V_FACE,
    V_FIGHT,
    V_WEAR,
    V_FAMILIES
};

struct verb {
    const char *base, *third, *ing;
    enum verb_family family;
    bool doubtful; /* `base` or `third` is as often a noun */
    uint64_t traits;
};

enum mod_class {
    M_FUNCTION, /* known word of no further use */
    M_DETERMINER,
    M_NUMBER,
    M_PREPOSITION,
    M_AUXILIARY,
    M_RELATIVE,
    M_SUBORDINATOR,
    M_AND,
    M_PRONOUN,
    M_COLOUR,
    M_ADJECTIVE,
    M_ADVERB,
    M_PARTICIPLE, /* -ed form in an adjective's place */
};

struct mod {
    const char *word;
    enum mod_class class;
    uint64_t traits;
};

/* What one surface form can be; any of the three may be NULL. */
struct lexeme {
    const struct noun *noun;
    const struct verb *verb;
    const struct mod *mod;
    bool plural; /* of noun */
    char form;   /* of verb: 'b' base, 's' third person, 'g' -ing */
};

enum { LEX_WORDS_MAX = 4 }; /* longest phrase */

/* Lower-case, single spaces. NULL when unknown. */
const struct lexeme *lex_find(struct str surface);

static inline const char *noun_concept(const struct noun *n)
{
    return n->concept ? n->concept : n->one;
}

/* The tables. */
struct noun_table {
    const struct noun *rows;
    size_t n;
};
extern const struct noun_table lex_people, lex_animals, lex_things, lex_places, lex_food, lex_made;
extern const struct verb lex_verbs[];
extern const size_t lex_verbs_n;
struct mod_table {
    const struct mod *rows;
    size_t n;
};
extern const struct mod_table lex_words, lex_adjectives;
extern const char *const lex_colours[]; /* what options are drawn from; NULL at the end */
extern const char *const lex_numbers[]; /* one, two, … ten; NULL at the end */

#endif
