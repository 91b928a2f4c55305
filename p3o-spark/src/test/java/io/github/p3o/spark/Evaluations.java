package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import io.github.p3o.eval.FrontierProbe;
import io.github.p3o.eval.Judge;
import io.github.p3o.eval.KlRewardFrontier;
import io.github.p3o.eval.KlRewardFrontier.Kl;
import io.github.p3o.eval.KlRewardFrontier.Point;
import io.github.p3o.eval.Tournament;
import io.github.p3o.testing.Bandit;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;

/** A tournament and a frontier of some tables, whoever draws, scores and judges. */
interface Evaluations {

  /** Draws from a policy; the caller closes it if it can be. */
  PairSampler sampler(TabularPolicy policy);

  /** {@link Bandit#REWARD}. */
  RewardModel rewards();

  /** {@link #longerIsBetter}. */
  Judge<String, String> texts();

  /** On one machine, from a seed of each prompt. */
  static Evaluations here() {
    return new Evaluations() {
      @Override
      public PairSampler sampler(TabularPolicy policy) {
        return (prompts, k, random) ->
            policy.sample(prompts, k, ImmutableLongArray.copyOf(random.longs(prompts.size())));
      }

      @Override
      public RewardModel rewards() {
        return Bandit.REWARD;
      }

      @Override
      public Judge<String, String> texts() {
        return longerIsBetter();
      }
    };
  }

  static Evaluations on(SparkSession spark, int partitions) {
    return new Evaluations() {
      @Override
      public PairSampler sampler(TabularPolicy policy) {
        return new SparkSampler(spark, BanditModels.USUAL, policy, partitions);
      }

      @Override
      public RewardModel rewards() {
        return new SparkRewardModel(spark, BanditModels.USUAL::rewardModel, partitions);
      }

      @Override
      public Judge<String, String> texts() {
        return new SparkJudge(spark, Evaluations::longerIsBetter, partitions);
      }
    };
  }

  static Judge<String, String> longerIsBetter() {
    return Judge.byScore((prompt, answer) -> answer.length());
  }

  /** All that comes out, as text. */
  default List<String> results() throws Exception {
    ImmutableList<Prompt> prompts =
        IntStream.range(0, 13)
            .mapToObj(i -> Prompt.of(i % 3))
            .collect(ImmutableList.toImmutableList());
    List<Point> points = new ArrayList<>();
    List<List<Response>> answers = new ArrayList<>();
    try (TabularPolicy reference = policy(0);
        FrontierProbe probe = new FrontierProbe(prompts, 2, reference, rewards(), 7, 5)) {
      for (int strength = 1; strength < 5; strength++) {
        try (TabularPolicy policy = policy(strength)) {
          PairSampler sampler = sampler(policy);
          String method = strength % 2 == 0 ? "even" : "odd";
          points.add(Point.of(method, 1, strength, probe.measure(policy, sampler)));
          answers.add(
              sampler
                  .sample(prompts, 2, new SplittableRandom(strength))
                  .responses()
                  .subList(0, prompts.size()));
          if (sampler instanceof AutoCloseable closeable) {
            closeable.close();
          }
        }
      }
    }
    return List.of(
        KlRewardFrontier.of(points, Kl.EXACT).json(5),
        tournament(prompts, answers),
        tournamentOfTexts());
  }

  private String tournament(ImmutableList<Prompt> prompts, List<List<Response>> answers) {
    Tournament.Builder<Prompt, Response> tournament = Tournament.builder(prompts);
    for (int i = 0; i < answers.size(); i++) {
      tournament.player("strength " + (i + 1), answers.get(i));
    }
    return tournament.judge("reward", Judge.byReward(rewards())).play().json();
  }

  private String tournamentOfTexts() {
    return Tournament.<String, String>builder(List.of("one", "two", "three"))
        .player("short", List.of("a", "b", "c"))
        .player("mixed", List.of("aa", "", "ccc"))
        .player("long", List.of("aaa", "b", "cccc"))
        .judge("length", texts())
        .play()
        .json();
  }

  /** Answers that are worth 1 are likelier for the stronger. */
  private static TabularPolicy policy(int strength) {
    double[][] logits = new double[3][4];
    for (int i = 0; i < 3; i++) {
      logits[i][i] = 0.4 * strength;
    }
    return TabularPolicy.of(logits);
  }
}
