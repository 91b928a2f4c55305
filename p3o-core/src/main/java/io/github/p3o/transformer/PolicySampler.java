package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.Samples;
import io.github.p3o.Stateful;
import io.github.p3o.internal.Settings;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * Draws from a policy's whole distribution. What it remembers is how, and nothing changes it: a run
 * that is resumed with a sampler of other settings is refused.
 */
final class PolicySampler implements PairSampler, Stateful {

  private static final String PREFIX = "sampler."; // what trainers call it

  private final TransformerPolicy policy;
  private final SamplingConfig sampling;

  PolicySampler(TransformerPolicy policy, SamplingConfig sampling) {
    this.policy = policy;
    this.sampling = sampling;
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
    return policy.generate(prompts, responses, sampling, random);
  }

  @Override
  public Samples sample(ImmutableList<Prompt> prompts, int responses, ImmutableLongArray seeds) {
    return policy.generate(prompts, responses, sampling, seeds);
  }

  /** Stop rules are the host's code, of which no more is known than how many there are. */
  private ImmutableMap<String, String> settings() {
    return ImmutableMap.of(
        PREFIX + "temperature",
        String.valueOf(policy.temperature()),
        PREFIX + "maxNewTokens",
        String.valueOf(sampling.maxNewTokens()),
        PREFIX + "stopRules",
        String.valueOf(sampling.stopRules().size()));
  }

  @Override
  public String state() {
    return settings().entrySet().stream()
        .map(setting -> setting.getKey() + "=" + setting.getValue())
        .collect(Collectors.joining(" "));
  }

  @Override
  public void restore(String state) {
    Settings.checkSame(read(state), settings());
  }

  private static Map<String, String> read(String state) {
    ImmutableMap.Builder<String, String> settings = ImmutableMap.builder();
    for (String setting : Splitter.on(' ').split(state)) {
      List<String> parts = Splitter.on('=').splitToList(setting);
      checkArgument(
          parts.size() == 2, "sampler: expected settings like name=value, got %s", setting);
      settings.put(parts.get(0), parts.get(1));
    }
    return settings.buildOrThrow();
  }
}
