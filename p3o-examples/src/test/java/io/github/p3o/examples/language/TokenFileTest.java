package io.github.p3o.examples.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.train.Comparison;
import io.github.p3o.train.Example;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.NotEmpty;
import net.jqwik.api.constraints.Size;

/** Examples on disk. */
class TokenFileTest {

  @Property(tries = 100)
  void get_ofWhatWasAdded_isTheSame(
      @ForAll @Size(max = 40) List<@NotEmpty List<@IntRange Integer>> sequences,
      @ForAll boolean ended) {
    TokenFile<Prompt> prompts = TokenFile.ofPrompts();
    TokenFile<Example> examples = TokenFile.ofExamples();
    TokenFile<Comparison> comparisons = TokenFile.ofComparisons();
    List<Example> expected = new ArrayList<>();
    for (List<Integer> ids : sequences) {
      Prompt prompt = new Prompt(ImmutableIntArray.copyOf(ids));
      Example example = new Example(prompt, new Response(prompt.tokens(), ended));
      expected.add(example);
      prompts.add(prompt);
      examples.add(example);
      comparisons.add(new Comparison(prompt, Response.of(7), example.response()));
    }

    assertThat(examples).isEqualTo(expected);
    assertThat(prompts).isEqualTo(expected.stream().map(Example::prompt).toList());
    assertThat(comparisons)
        .isEqualTo(
            expected.stream()
                .map(e -> new Comparison(e.prompt(), Response.of(7), e.response()))
                .toList());
    assertThatThrownBy(() -> examples.get(sequences.size()))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
