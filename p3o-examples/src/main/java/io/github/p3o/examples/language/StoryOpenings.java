package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;

/** How children's stories begin: prompts for models trained on such. */
public final class StoryOpenings {

  private StoryOpenings() {}

  /** All openings, in a fixed order. */
  public static ImmutableList<String> all() {
    ImmutableList.Builder<String> all = ImmutableList.builder();
    for (String opening : ImmutableList.of("Once upon a time, there was", "One day,")) {
      for (String who :
          ImmutableList.of(
              "a little girl named Lily",
              "a boy named Tim",
              "a big dog named Max",
              "a small cat named Mia",
              "a kind old man",
              "a tiny bird",
              "a brown bear",
              "a girl named Sara",
              "a little boy named Tom",
              "a green frog",
              "a baby duck",
              "a farmer named Joe",
              "a young fox",
              "a mouse named Pip",
              "a rabbit named Ben",
              "a princess named Anna")) {
        all.add(opening + " " + who);
      }
    }
    return all.build();
  }

  /** All openings as they are and with the beginning of what happens: four times as many. */
  public static ImmutableList<String> longer() {
    ImmutableList.Builder<String> longer = ImmutableList.builder();
    for (String opening : all()) {
      for (String more : ImmutableList.of("", " who wanted to", " who liked to", " who saw a")) {
        longer.add(opening + more);
      }
    }
    return longer.build();
  }
}
