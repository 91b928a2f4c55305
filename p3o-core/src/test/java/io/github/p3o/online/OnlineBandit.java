package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.Policy;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainerConfig;
import io.github.p3o.TrainerConfig.RatioCheck;
import io.github.p3o.online.OnlineAligner.Offer;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.ImportanceSampledLoss;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** An aligner of three contexts, whose users like the choice with the number of the context. */
final class OnlineBandit {

  static final int BATCH = 24;

  private OnlineBandit() {}

  static TrainerConfig.Builder config() {
    return Bandit.config().ratioCheck(RatioCheck.OFF);
  }

  static OnlineAligner.Builder aligner(Policy policy, Path directory) {
    return OnlineAligner.builder(policy, new ImportanceSampledLoss(), directory)
        .config(config().build());
  }

  /** Feedback to what a policy that never learns serves, so that it is the same in every run. */
  static Feedback feedback(int i) {
    SplittableRandom random = new SplittableRandom(i);
    Prompt prompt = Prompt.of(i % 3);
    ImmutableList<Response> responses =
        ImmutableList.of(Response.of(random.nextInt(4)), Response.of(random.nextInt(4)));
    return new Feedback(
        "f" + i,
        prompt,
        responses,
        ImmutableDoubleArray.of(Math.log(0.25), Math.log(0.25)),
        ImmutableDoubleArray.copyOf(
            Bandit.REWARD.score(ImmutableList.of(prompt, prompt), responses)));
  }

  static Feedback with(Feedback feedback, double[] logProbs, double[] rewards) {
    return new Feedback(
        feedback.id(),
        feedback.prompt(),
        feedback.responses(),
        ImmutableDoubleArray.copyOf(logProbs),
        ImmutableDoubleArray.copyOf(rewards));
  }

  static void offer(OnlineAligner aligner, int from, int to) {
    for (int i = from; i < to; i++) {
      assertThat(aligner.offer(feedback(i))).isEqualTo(Offer.ACCEPTED);
    }
  }

  static OnlineStatus await(OnlineAligner aligner, Predicate<OnlineStatus> condition)
      throws InterruptedException {
    while (!condition.test(aligner.status())) {
      TimeUnit.MILLISECONDS.sleep(2);
    }
    return aligner.status();
  }

  static OnlineStatus awaitSteps(OnlineAligner aligner, long steps) throws InterruptedException {
    return await(aligner, status -> status.steps() >= steps);
  }

  static double[] parameters(OnlineAligner aligner) {
    return aligner.serve(served -> served.policy().parameters().vector().toDoubleVector());
  }

  static String refusal(ThrowingCallable call) {
    return String.valueOf(catchThrowable(call).getMessage());
  }

  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  static void overwriteAll(Path checkpoints) {
    try (Stream<Path> files = Files.walk(checkpoints)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.writeString(file, "altered");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As a host in another language may, whose compiler does not look for checked exceptions. */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  static <E extends Throwable> double throwUnchecked(Throwable e) throws E {
    throw (E) e;
  }
}
