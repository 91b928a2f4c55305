package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainingListener;
import io.github.p3o.examples.run.StepLog;
import io.github.p3o.text.TextCodec;

/**
 * Writes a few of the responses that are trained on, with what they are worth, to rollouts.jsonl.
 *
 * @param log where to
 * @param stage of the run
 * @param codec of the language model
 * @param every steps from one time to the next, from step 0 on
 * @param prompts whose responses are written, at most
 */
record SamplesListener(StepLog log, String stage, TextCodec codec, long every, int prompts)
    implements TrainingListener {

  @Override
  public void onRollout(long step, PairwiseBatch rollout) {
    if (step % every != 0) {
      return;
    }
    for (int g = 0; g < Math.min(prompts, rollout.groups()); g++) {
      for (int i = 0; i < rollout.responsesPerPrompt(); i++) {
        Prompt prompt = rollout.prompts().get(g);
        Response response = rollout.responses().get(i * rollout.groups() + g);
        double kl = rollout.oldLogProbs().get(i, g) - rollout.referenceLogProbs().get(i, g);
        log.add(
            stage,
            step,
            ImmutableMap.of(
                "pair", rollout.ids().get(g),
                "prompt", codec.text(prompt).strip(),
                "response", codec.text(prompt, response),
                "ended", response.ended(),
                "reward", rollout.rewards().get(i, g),
                "kl", kl));
      }
    }
  }
}
