/* Problems with answers of a paragraph, step by step from what is stated. */
#include "providers/offline/questions.h"

const struct problem problems[] = {
    {"If a tall pole were set upright beside {subject}, where would its shadow fall and how strong "
     "would it be?",
     "First, the light comes {dir}, and a shadow always extends away from its source. Second, the "
     "scene has {shadow} because of {light}. A new pole would be lit by that light as well. Its "
     "shadow would therefore point away from where the light enters, and it would be as weak or as "
     "strong as what can be seen now."},
    {"What can be concluded about the light source, and which clues support the conclusion?",
     "[The first clue is|One clue is] the quality of the illumination, which is {light}. [The "
     "second clue is|A second clue is] the direction: it arrives {dir}. [The third clue is that|A "
     "third clue is that] there are {shadow}, since sharp or long shadows need a small or low "
     "source while weak ones need a broad source. [Taken together|All in all], the scene is lit by "
     "one dominant source whose light arrives {dir}."},
    {"Why do the colours look as they do?",
     "[Colours depend on surfaces and on the light that reaches them|Two causes act together: "
     "surfaces and light]. Here the light is {light}. The visible surfaces send back mainly "
     "{palette}. If the light were much stronger or of another colour, the same surfaces would "
     "look different. [So|For this reason,] the {palette} result from the surfaces and the {light} "
     "together."},
    {"How would the view change if the viewer moved from the present position to one straight "
     "above {subject}?",
     "[At present|Now] the scene is seen from {view}, and {subject} {is} {position} of the frame. "
     "From straight above, the sides of {subject} would be hidden and the top would be visible. "
     "The background would no longer contain {backdrop}, because the view would end on the ground. "
     "[So the move would trade depth for a map-like overview|The result would be a map-like "
     "overview with less depth]."},
    {"What would be lost if the frame were cut down to {subject} alone?",
     "The scene is now framed as {framing}. Around {subject} one can see more: the background "
     "contains {backdrop}. [Cutting the frame down would remove that part first|That part would be "
     "the first to go]. It would also destroy the composition, which rests on {layout}. What would "
     "remain is {subject}, without the clues that tell where the scene is."},
    {"Which evidence shows how far the background is from {subject}?",
     "[Two observations matter|Two things can be checked]. First, {backdrop} can be made out "
     "behind, and {subject} [hides|covers] part of it, so it must be farther away. Second, there "
     "is {focus}, which tells how strongly the two differ in sharpness. [Together|Taken together], "
     "order and sharpness give the distance, at least roughly."},
    {"How would a walk across {ground} differ from a walk across a sheet of glass?",
     "The starting point is what one sees: {ground} has {surface}. A sheet of glass is hard and "
     "flat and offers no grip. The visible texture means that feet would meet another resistance "
     "and leave or find other traces. The walk would thus feel different at every step, and its "
     "texture is the main reason for it."},
    {"How can one tell from the light alone what {ground} is like?",
     "The light matters first: it is {light}, and there are {shadow}. Small bumps catch light on "
     "one side and stay darker on the other. On {ground} this makes {surface} visible. So the play "
     "of light and shade is enough to judge the surface."},
    {"What is likely to happen in the next moment, and why?",
     "[To begin with|First], {subject} {act}. [The pose agrees with this|This fits the pose], "
     "since {subject} {is} shown {pose}. Nothing in the scene points to an interruption. The most "
     "[likely|probable] continuation is therefore the same activity, while the surroundings stay "
     "as they are."},
    {"If {subject} stopped and left, what would still allow a visitor to recognise the spot?",
     "Without {subject}, the lasting parts of the scene count. Behind, there is {backdrop}. Below, "
     "{ground} has {surface}. Neither depends on who is present. A visitor could therefore "
     "recognise the spot by comparing these two features."},
    {"Suppose two more {count_of} joined and then one of all left: how many would there be, and "
     "how is that worked out?",
     "[The count starts with|At first there are] {count} {count_of}. Two more raise the number by "
     "two. One that leaves lowers it by one. The overall change is therefore plus one, so there "
     "would be {count_one_more} {count_of}."},
    {"Why would it be hard to overlook {colour_of}?",
     "An object is noticed when it differs from what surrounds it. The colour of {colour_of} is "
     "{colour}. The scene as a whole is dominated by {palette}, so a definite colour can be "
     "separated from them. In addition, the {light} makes colours visible. For these reasons the "
     "eye finds {colour_of} quickly."},
    {"How could someone find {colour_of} quickly when several similar things are near?",
     "The task is to find a feature that sets {colour_of} apart. Shape alone may be shared by "
     "similar things. The colour, however, is known: it is {colour}. So one would scan for "
     "{colour} first and check the shape afterwards."},
    {"What would someone need in order to set up the same scene again?",
     "Three things have to agree. The place comes first: the setting is {place}. Next comes the "
     "activity, because {subject} {act}. Last comes the view: the scene is seen from {view}. With "
     "the right place, activity and viewpoint, the same scene could be arranged again."},
    {"Could the same activity take place somewhere else, and what would change?",
     "The activity is clear: {subject} {act}. The setting is {place}. Another place could offer "
     "room for the same activity, but the ground and the surroundings would be different. So the "
     "action could stay, while everything that shows the present place would change."},
    {"Why does the scene have depth although it is flat?",
     "[Depth is suggested in layers|The impression comes from layers]. In front there {is} "
     "{subject}. Farther back, {backdrop} can be seen. As for sharpness, there is {focus}. What "
     "lies in front hides what lies behind, and the eye [reads|understands] this as distance, so "
     "the scene seems to extend away from the viewer."},
    {"What does the sky reveal about the light?",
     "The upper part shows {sky}. Outdoors, the sky is the source of light or its filter. The "
     "light on the scene is {light}. The two fit together, because this kind of sky lets exactly "
     "such light through. If the sky changed, the light and the shadows would change as well."},
    {"How does the composition lead the eye?",
     "The main shapes follow {layout}. [The eye tends to move along such a structure|Such a "
     "structure gives the eye a path]. {subject} {is} placed {position} of the frame, so the "
     "movement starts or ends there. From there the rest of the scene is explored. In this way, "
     "structure and position work together."},
    {"What makes the material on {subject} recognisable?",
     "A material shows itself by how it reflects and folds. On {subject}, one can see {finish}. "
     "This becomes visible under {light}. Another material under the same light would look "
     "different. Hence this look is the decisive clue for judging what is seen."},
    {"What follows from the small details of the scene?",
     "Small details tell how a place is used. Here one can see {detail}. This is near {subject}, "
     "in a scene framed as {framing}. Since nobody arranges such a detail on purpose, it points to "
     "a place in ordinary use. The conclusion is that the scene was found and not built."},
    {"If the light came from the opposite direction, which parts of the scene would look "
     "different?",
     "[Now|At present] the light comes {dir}. Turning it around would light the sides that are "
     "darker at present. Where there are {shadow} now, any shadow would fall the other way. The "
     "layout, {layout}, would stay the same, because it depends on shapes and not on light. So "
     "only brightness and shadows would change."},
    {"What would {subject} have to do before taking up something else?",
     "At the moment {object_of} {object_is} {object_verb} {object}. Attention and posture serve "
     "that purpose. To take up something else, this would have to end first. So the first step "
     "would be to finish with {object}, and only then could another activity begin."},
    {"How can one be sure about the hour of the scene?",
     "The time of day is given: {time}. The illumination is {light}, which has to fit that time. "
     "At another hour the light would have another strength and direction. As both clues agree, it "
     "is reasonable to accept the time as it appears."},
    {"Which two features would help most to tell this scene from a similar one?",
     "Similar scenes may share their subject, so {subject} alone would not be enough. A first "
     "helpful feature is the viewpoint, which is {view}. A second one is the arrangement, "
     "{layout}. Both are independent of the subject. Together they make a mix-up with a similar "
     "scene unlikely."},
    {"What would change for the viewer if the focus were set differently?",
     "[At the moment|At present] there is {focus}. The viewer's eye settles first on what is "
     "sharp. {subject} {is} {position} of the frame, so this is where the eye looks first. [With "
     "another focus|If the focus were different], attention would shift to other parts, although "
     "nothing in the scene itself had changed."},
    {"What would change if the light faded?",
     "[The scene now lies in|At present the scene lies in] {light}. With less light, differences "
     "between bright and dark parts would shrink. Where there are {shadow} now, it would become "
     "harder to see any edge between light and shade. In the end the shapes would remain, but "
     "their surfaces would be harder to judge."},
    {"Where would a second viewer have to stand to see the other side of {subject}?",
     "The present view is {framing}, and behind {subject} it takes in {backdrop}. The hidden side "
     "is the one that faces this background. A second viewer would therefore have to stand there "
     "and look back towards the first viewer. From that place the two backgrounds would be "
     "exchanged."},
    {"How can a viewer work out where the light source is without seeing it?",
     "The source itself is not needed. Light comes {dir}, so the sides that face this direction "
     "are [brighter|lighter], and the opposite sides are darker. By following the step from dark "
     "to bright on several shapes, one arrives at the same direction each time, and that is where "
     "the source must be."},
    {"Which features of {subject} would still be recognisable from twice the distance?",
     "Large features survive distance and small ones do not. On {subject}, there is {feature}, "
     "which is a small feature. The framing is {framing}, so {subject} takes up a limited part of "
     "it already. At twice the distance the whole outline would still be visible, but the small "
     "feature would probably be lost."},
    {"Why does the background matter for the understanding of the scene?",
     "The background shows {backdrop}. [This tells something about the kind of place|This says "
     "something about the place]. {subject} alone could be in many places. Only both together "
     "narrow the choice down, so the background is a clue and not mere decoration."},
    {"What would happen to the impression of the scene if the colours were reversed?",
     "[At present|As it is], {palette} prevail. Reversed colours would turn bright parts dark and "
     "exchange each hue for its opposite. Shapes and positions would stay, so {subject} could "
     "still be recognised. But the colours would no longer agree with experience, and the scene "
     "would seem unfamiliar."},
};
const size_t problems_n = sizeof(problems) / sizeof(problems[0]);
