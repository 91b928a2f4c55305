package io.github.p3o.loss;

import io.github.p3o.LogProbs;
import io.github.p3o.LossTerms;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Rewards;
import io.github.p3o.testing.MetricsPage;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

class MetricsPageTest {

  @Test
  void diagnostics_ofEachObjective_areDefinedInTheDocuments() throws Exception {
    Set<String> names = new HashSet<>();
    LogProbs logProbs = LogProbs.of(new double[] {-1, -2}, new double[] {-3, -1});
    Rewards rewards = Rewards.of(new double[] {1, 2}, new double[] {3, 1});
    PairwiseBatch batch = PairwiseBatch.ofNumbers(logProbs, logProbs, rewards);
    for (PolicyLoss loss :
        List.of(P3OLoss.v1(), P3OLoss.v2(), new OnlineDpoLoss(), new PpoLoss())) {
      names.addAll(loss.evaluate(batch, logProbs).statistics().diagnostics().keySet());
    }
    SameDiff graph = SameDiff.create();
    LossTerms bradleyTerry =
        new BradleyTerryLoss()
            .build(
                graph.placeHolder("chosen", DataType.DOUBLE, 2),
                graph.placeHolder("rejected", DataType.DOUBLE, 2));
    names.addAll(bradleyTerry.diagnostics().keySet());
    names.addAll(TokenCase.random(1, 2).evaluate(new TokenPpoLoss()).diagnostics().keySet());
    MetricsPage.assertDefines(names);
  }
}
