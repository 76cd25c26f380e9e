/* The sets of templates that ship. Each file of them has some. */
#ifndef MONOCEROS_DOMAIN_TEMPLATES_H
#define MONOCEROS_DOMAIN_TEMPLATES_H

#include "server/domain/seed_templates.h"

extern const struct seed_template_set algae_templates, amphibians_templates, animals_templates,
    arachnids_templates, art_templates, artists_templates, birds_templates, clothing_templates,
    faces_templates, fish_templates, flowers_templates, food_templates, fungi_templates,
    genres_templates, home_templates, insects_templates, landmarks_templates, mammals_templates,
    mollusks_templates, objects_templates, office_templates, places_templates, plants_templates,
    protozoa_templates, reptiles_templates, scenes_templates, vehicles_templates;

#endif
