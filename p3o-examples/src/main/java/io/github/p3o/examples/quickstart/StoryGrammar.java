package io.github.p3o.examples.quickstart;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedSet;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A small language of English stories: "one day the little dog found a red ball . he smiled . it
 * was a good day ." A prompt says who the story is about, the response what happens, in one to
 * three sentences. Pronouns agree with who it is about, articles with what follows. The same rules
 * write stories and tell whether a text is one.
 */
public final class StoryGrammar {

  /** What a sentence, or a story on the whole, feels like. */
  private enum Mood {
    HAPPY,
    NEUTRAL,
    SAD
  }

  private static final Splitter SPACES = Splitter.on(' ');
  private static final Pattern SLOT = Pattern.compile("\\{(\\w+)}");

  /** How often a sentence has the mood of its story; otherwise any of the three. */
  private static final double MOOD_KEPT = 0.7;

  /** How often a second sentence follows the first, and a third the second. */
  private static final double GOES_ON = 0.8;

  private static final ImmutableList<String> OPENINGS =
      ImmutableList.of("one day", "today", "in the morning", "after lunch", "last night");

  private static final ImmutableMap<String, Mood> ADJECTIVES =
      ImmutableMap.<String, Mood>builder()
          .put("cheerful", Mood.HAPPY)
          .put("kind", Mood.HAPPY)
          .put("lucky", Mood.HAPPY)
          .put("little", Mood.NEUTRAL)
          .put("old", Mood.NEUTRAL)
          .put("big", Mood.NEUTRAL)
          .put("young", Mood.NEUTRAL)
          .put("lonely", Mood.SAD)
          .put("tired", Mood.SAD)
          .put("poor", Mood.SAD)
          .buildOrThrow();

  /** What a slot in braces may stand for. */
  private static final String RULES =
      """
      place: park | lake | farm | school
      family: mother | father | friend
      toy: ball | kite | drum | boat
      color: a red | a blue | a green | an orange
      food: an apple | an egg | a cake | some soup
      animal: a bird | a frog | an owl
      first_HAPPY: had fun at the {place} | got a hug from {his} {family} | won {color} {toy}
      first_NEUTRAL: went to the {place} | found {color} {toy} | saw {animal} at the {place} | ate {food}
      first_SAD: lost {his} {toy} | broke {color} {toy} | fell at the {place}
      second_HAPPY: {he} was happy | {he} was glad | {he} smiled | {he} laughed and danced | {he} sang and smiled
      second_NEUTRAL: {he} was hungry | {he} sat down | {he} looked at the sky | {he} slept
      second_SAD: {he} was sad | {he} was afraid | {he} cried | {he} cried and ran home
      third_HAPPY: {his} {family} loved {him} | {his} {family} gave {him} a hug | it was a good day
      third_NEUTRAL: then {he} went home | {his} {family} came too | it was late
      third_SAD: {his} {family} was angry | nobody helped {him} | it was a bad day
      """;

  private static final ImmutableMap<String, ImmutableList<String>> HE =
      rules("he: he\nhis: his\nhim: him\ncharacter: boy | dog | bear | king\n" + RULES);

  private static final ImmutableMap<String, ImmutableList<String>> SHE =
      rules("he: she\nhis: her\nhim: her\ncharacter: girl | cat | duck | queen\n" + RULES);

  private static final Pattern HIS_STORY = storyPattern(HE);
  private static final Pattern HER_STORY = storyPattern(SHE);

  private StoryGrammar() {}

  private static ImmutableMap<String, ImmutableList<String>> rules(String text) {
    return text.lines()
        .map(line -> Splitter.on(": ").splitToList(line))
        .collect(
            ImmutableMap.toImmutableMap(
                rule -> rule.get(0),
                rule -> ImmutableList.copyOf(Splitter.on(" | ").split(rule.get(1)))));
  }

  /** Every prompt of the language, in a fixed order. */
  public static ImmutableList<String> prompts() {
    ImmutableList.Builder<String> all = ImmutableList.builder();
    for (String opening : OPENINGS) {
      for (String adjective : ADJECTIVES.keySet()) {
        for (ImmutableMap<String, ImmutableList<String>> rules : List.of(HE, SHE)) {
          for (String character : options(rules, "character")) {
            all.add(opening + " the " + adjective + " " + character);
          }
        }
      }
    }
    return all.build();
  }

  /** Every word of the language, sorted; the full stop is one of them. */
  public static ImmutableSortedSet<String> words() {
    ImmutableSortedSet.Builder<String> words = ImmutableSortedSet.naturalOrder();
    prompts().forEach(prompt -> words.addAll(SPACES.split(prompt)));
    for (ImmutableMap<String, ImmutableList<String>> rules : List.of(HE, SHE)) {
      for (ImmutableList<String> options : rules.values()) {
        options.forEach(option -> words.addAll(SPACES.split(SLOT.matcher(option).replaceAll("."))));
      }
    }
    return words.add(".").build();
  }

  /** Writes what happens. A cheerful one's story is more often happy than a lonely one's. */
  public static String story(String prompt, RandomGenerator random) {
    List<String> words = SPACES.splitToList(prompt);
    ImmutableMap<String, ImmutableList<String>> rules = isHe(prompt) ? HE : SHE;
    Mood usual = ADJECTIVES.getOrDefault(words.get(words.size() - 2), Mood.NEUTRAL);
    Mood mood = random.nextDouble() < 0.5 ? usual : any(random);
    StringBuilder story = new StringBuilder(sentence("first", mood, rules, random));
    if (random.nextDouble() < GOES_ON) {
      story.append(' ').append(sentence("second", mood, rules, random));
      if (random.nextDouble() < GOES_ON) {
        story.append(' ').append(sentence("third", mood, rules, random));
      }
    }
    return story.toString();
  }

  private static String sentence(
      String place,
      Mood ofStory,
      ImmutableMap<String, ImmutableList<String>> rules,
      RandomGenerator random) {
    Mood mood = random.nextDouble() < MOOD_KEPT ? ofStory : any(random);
    return expand("{" + place + "_" + mood + "} .", rules, random);
  }

  private static Mood any(RandomGenerator random) {
    return Mood.values()[random.nextInt(Mood.values().length)];
  }

  private static String expand(
      String text, ImmutableMap<String, ImmutableList<String>> rules, RandomGenerator random) {
    return SLOT.matcher(text)
        .replaceAll(
            slot -> {
              ImmutableList<String> options = options(rules, slot.group(1));
              return expand(options.get(random.nextInt(options.size())), rules, random);
            });
  }

  /** Whether a response continues a prompt to a story of the language. */
  public static boolean accepts(String prompt, String response) {
    return (isHe(prompt) ? HIS_STORY : HER_STORY).matcher(response.strip()).matches();
  }

  private static boolean isHe(String prompt) {
    String character = prompt.substring(prompt.lastIndexOf(' ') + 1);
    return options(HE, "character").contains(character);
  }

  private static Pattern storyPattern(ImmutableMap<String, ImmutableList<String>> rules) {
    String second = "(?: " + sentencePattern("second", rules) + ")";
    String third = "(?: " + sentencePattern("third", rules) + ")";
    return Pattern.compile(sentencePattern("first", rules) + "(?:" + second + third + "?)?");
  }

  private static String sentencePattern(
      String place, ImmutableMap<String, ImmutableList<String>> rules) {
    return alternatives(
            List.of("{" + place + "_HAPPY}", "{" + place + "_NEUTRAL}", "{" + place + "_SAD}"),
            rules)
        + " \\.";
  }

  private static String alternatives(
      List<String> options, ImmutableMap<String, ImmutableList<String>> rules) {
    return options.stream()
        .map(
            option ->
                SLOT.matcher(option)
                    .replaceAll(
                        slot ->
                            Matcher.quoteReplacement(
                                alternatives(options(rules, slot.group(1)), rules))))
        .collect(Collectors.joining("|", "(?:", ")"));
  }

  private static ImmutableList<String> options(
      ImmutableMap<String, ImmutableList<String>> rules, String slot) {
    ImmutableList<String> options = rules.get(slot);
    if (options == null) {
      throw new IllegalArgumentException(
          "slot: expected one of " + rules.keySet() + ", got " + slot);
    }
    return options;
  }
}
