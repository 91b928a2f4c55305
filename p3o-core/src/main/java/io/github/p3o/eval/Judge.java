package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.internal.Scoring;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;

/**
 * Says which of two answers is better. What prompts and answers are is the judge's choice: {@link
 * Prompt} and {@link Response} for a reward model, texts for a {@link ChatJudge}.
 *
 * @param <P> a prompt
 * @param <A> an answer
 */
@FunctionalInterface
public interface Judge<P, A> {

  /** What a judge says of two answers. */
  enum Verdict {
    /** The one shown first is better. */
    FIRST,
    /** The one shown second is better. */
    SECOND,
    /** Neither is better. */
    TIE,
    /** The judge answered, but not the question. */
    INVALID
  }

  /**
   * Two answers to a prompt, in the order in which a judge sees them.
   *
   * @param prompt what was asked
   * @param first an answer
   * @param second another answer
   * @param <P> a prompt
   * @param <A> an answer
   */
  record Question<P, A>(P prompt, A first, A second) {}

  /**
   * Judges pairs of answers, each by itself.
   *
   * @param questions {@code [questions]}
   * @return a verdict on each {@code [questions]}
   */
  ImmutableList<Verdict> judge(ImmutableList<Question<P, A>> questions);

  /**
   * Prefers the answer of the higher score; equal scores are a tie.
   *
   * @param score of an answer to a prompt, finite, higher is better
   * @param <P> a prompt
   * @param <A> an answer
   * @return a judge; it throws {@link IllegalArgumentException} for a score that is not finite
   */
  static <P, A> Judge<P, A> byScore(ToDoubleBiFunction<? super P, ? super A> score) {
    return questions ->
        questions.stream()
            .map(
                question ->
                    verdict(
                        score.applyAsDouble(question.prompt(), question.first()),
                        score.applyAsDouble(question.prompt(), question.second())))
            .collect(ImmutableList.toImmutableList());
  }

  /**
   * Prefers the response of the higher reward; equal rewards are a tie. Each response is scored
   * once in a call, however many others it is compared with.
   *
   * @param rewardModel scores responses
   * @return a judge; it throws {@link IllegalArgumentException} for a reward that is not finite
   */
  static Judge<Prompt, Response> byReward(RewardModel rewardModel) {
    return questions -> {
      Map<List<Object>, Integer> places = new HashMap<>();
      ImmutableList.Builder<Prompt> prompts = ImmutableList.builder();
      ImmutableList.Builder<Response> responses = ImmutableList.builder();
      for (Question<Prompt, Response> question : questions) {
        for (Response response : List.of(question.first(), question.second())) {
          if (places.putIfAbsent(List.of(question.prompt(), response), places.size()) == null) {
            prompts.add(question.prompt());
            responses.add(response);
          }
        }
      }
      double[] rewards = Scoring.rewards(rewardModel, prompts.build(), responses.build());
      ToDoubleBiFunction<Prompt, Response> reward =
          (prompt, response) -> rewards[places.getOrDefault(List.of(prompt, response), -1)];
      return Judge.<Prompt, Response>byScore(reward).judge(questions);
    };
  }

  /**
   * This judge for other prompts and answers, such as a judge of texts for token ids.
   *
   * @param reader gives what this judge shall see of a question, the answers in the same order
   * @param <Q> a prompt
   * @param <B> an answer
   * @return a judge that asks this one
   */
  default <Q, B> Judge<Q, B> reading(Function<Question<Q, B>, Question<P, A>> reader) {
    return questions ->
        judge(questions.stream().map(reader).collect(ImmutableList.toImmutableList()));
  }

  private static Verdict verdict(double first, double second) {
    checkArgument(Double.isFinite(first), "score: expected a finite number, got %s", first);
    checkArgument(Double.isFinite(second), "score: expected a finite number, got %s", second);
    return first > second ? Verdict.FIRST : first < second ? Verdict.SECOND : Verdict.TIE;
  }
}
