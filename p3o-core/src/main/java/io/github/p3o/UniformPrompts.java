package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.Fingerprint;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Draws from a list, with replacement. It remembers nothing but which list it is, so that a run is
 * not resumed on other prompts.
 */
final class UniformPrompts implements PromptSource, Stateful {

  private final List<Prompt> prompts;

  UniformPrompts(List<Prompt> prompts) {
    checkArgument(!prompts.isEmpty(), "prompts: expected at least one prompt, got none");
    this.prompts = prompts;
  }

  @Override
  public ImmutableList<Prompt> next(int count, RandomGenerator random) {
    ImmutableList.Builder<Prompt> drawn = ImmutableList.builderWithExpectedSize(count);
    for (int i = 0; i < count; i++) {
      drawn.add(prompts.get(random.nextInt(prompts.size())));
    }
    return drawn.build();
  }

  @Override
  public String state() {
    return prompts.size() + " prompts " + Fingerprint.of(prompts.stream().map(Prompt::tokens));
  }

  @Override
  public void restore(String state) {
    checkArgument(
        state.equals(state()), "prompts: expected %s as in the checkpoint, got %s", state, state());
  }
}
