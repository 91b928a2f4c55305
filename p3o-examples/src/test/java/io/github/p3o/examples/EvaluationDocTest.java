package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.TabularPolicy;
import io.github.p3o.eval.ChatJudge;
import io.github.p3o.eval.ChatJudgeConfig;
import io.github.p3o.eval.Judge;
import io.github.p3o.eval.Tournament;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java of docs/evaluation.md, which {@link DocumentsTest} finds here, does what it says. */
class EvaluationDocTest {

  @TempDir private Path directory = Path.of("");

  private static String text(Object tokens) {
    return tokens.toString();
  }

  @Test
  void example_comparesTwoPolicies() throws IOException {
    ImmutableList<Prompt> prompts = ImmutableList.of(Prompt.of(0), Prompt.of(1));
    TabularPolicy before = TabularPolicy.uniform(2, 4);
    TabularPolicy after = TabularPolicy.uniform(2, 4);
    RewardModel rewardModel = RewardModel.each((prompt, response) -> response.tokens().get(0));
    SplittableRandom random = new SplittableRandom(1);
    int n = prompts.size(); // samplers give two answers or more; the first n are one to each prompt
    List<Response> old = before.sample(prompts, 2, random).responses().subList(0, n);
    List<Response> young = after.sample(prompts, 2, random).responses().subList(0, n);
    Tournament tournament =
        Tournament.<Prompt, Response>builder(prompts)
            .player("before", old)
            .player("after", young)
            .judge("reward", Judge.byReward(rewardModel))
            .judge("short", Judge.byScore((prompt, response) -> -response.length()))
            .play();
    Files.writeString(directory.resolve("tournament.json"), tournament.json());
    assertThat(tournament.tables()).hasSize(2);
    before.close();
    after.close();
  }

  @Test
  void example_asksAChatModel() {
    ChatJudgeConfig config =
        ChatJudgeConfig.of(URI.create("https://api.openai.com/v1"), "gpt-4o-mini")
            .withCriterion("Which story is the happier one?");
    ChatJudge chat = ChatJudge.of(config, directory.resolve("verdicts"));
    Judge<Prompt, Response> judge = // among the others: .judge("gpt-4o-mini", judge)
        chat.reading(
            question ->
                new Judge.Question<>(
                    text(question.prompt()), text(question.first()), text(question.second())));
    assertThat(judge.judge(ImmutableList.of())).isEmpty();
  }
}
