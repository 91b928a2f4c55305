package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import io.github.p3o.BatchShape;
import io.github.p3o.PairSampler;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.testing.ForwardingPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The models of {@link BanditModels#USUAL}, of which one task fails once, in the middle of a
 * gradient: the first that computes one after a file {@code armed} is there.
 */
record FaultyModels(Fault fault, String directory)
    implements SparkModels<FaultyModels.FaultyPolicy> {

  enum Fault {
    NONE,
    KILLED,
    STRAGGLES,
    /** Asks for more and more native memory, until JavaCPP refuses. */
    EXHAUSTS
  }

  /** Longer than a task takes on any machine, so that a second attempt is the first to end. */
  private static final long STRAGGLE_MILLIS = 60_000;

  /** Numbers: 64 MiB. */
  private static final long MUCH = 1 << 24;

  void arm() throws IOException {
    Files.createFile(Path.of(directory, "armed"));
  }

  boolean happened() {
    return Files.exists(Path.of(directory, "happened"));
  }

  private void perhaps() {
    if (fault == Fault.NONE || !Files.exists(Path.of(directory, "armed"))) {
      return;
    }
    try {
      Files.createFile(Path.of(directory, "happened"));
      if (fault == Fault.EXHAUSTS) {
        exhaust();
      }
      if (fault == Fault.KILLED) {
        new ProcessBuilder("kill", "-9", Long.toString(ProcessHandle.current().pid())).start();
      }
      Thread.sleep(STRAGGLE_MILLIS);
    } catch (FileAlreadyExistsException e) {
      return; // once is enough
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException("another attempt was faster", e);
    }
  }

  /** Has JavaCPP refuse native memory. */
  static void exhaust() {
    List<INDArray> all = new ArrayList<>();
    try {
      while (Pointer.maxPhysicalBytes() > 0) {
        all.add(Nd4j.create(DataType.FLOAT, MUCH));
      }
      new BytePointer(Pointer.maxBytes() + 1).close(); // has no limit for arrays: its other limit
    } finally {
      all.forEach(INDArray::close);
    }
  }

  @Override
  public FaultyPolicy policy() {
    return new FaultyPolicy(BanditModels.USUAL.policy(), this);
  }

  @Override
  public PolicyLoss loss() {
    return BanditModels.USUAL.loss();
  }

  @Override
  public PairSampler sampler(FaultyPolicy policy) {
    return policy;
  }

  @Override
  public RewardModel rewardModel() {
    return BanditModels.USUAL.rewardModel();
  }

  /** A tabular policy; its frozen copies, which the reference is scored by, are sound. */
  static final class FaultyPolicy extends ForwardingPolicy implements PairSampler {
    private final TabularPolicy policy;
    private final FaultyModels models;

    FaultyPolicy(TabularPolicy policy, FaultyModels models) {
      super(policy);
      this.policy = policy;
      this.models = models;
    }

    @Override
    public Map<String, INDArray> feed(
        BatchShape shape, List<Prompt> prompts, List<Response> responses) {
      models.perhaps();
      return super.feed(shape, prompts, responses);
    }

    @Override
    public Samples sample(ImmutableList<Prompt> prompts, int responses, RandomGenerator random) {
      return policy.sample(prompts, responses, random);
    }
  }
}
