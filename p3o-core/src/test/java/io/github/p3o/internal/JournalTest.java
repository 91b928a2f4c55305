package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {

  private static final String HEADER = "P3O test 1\n";

  @TempDir private Path directory = Path.of("");

  private Path file() {
    return directory.resolve("journal");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static List<String> all(Journal journal) {
    List<String> records = new ArrayList<>();
    long position = journal.start();
    for (long i = 0; i < journal.records(); i++) {
      Journal.Entry entry = journal.read(position);
      records.add(entry.payload());
      position = entry.next();
    }
    return records;
  }

  private byte[] written(String... records) throws Exception {
    try (Journal journal = Journal.open(file(), HEADER)) {
      for (String record : records) {
        assertThat(journal.append(bytes(record), Long.MAX_VALUE)).isTrue();
      }
    }
    return Files.readAllBytes(file());
  }

  @Test
  void open_again_findsEveryRecordAndGoesOn() throws Exception {
    written("one", "", "three");
    try (Journal journal = Journal.open(file(), HEADER)) {
      assertThat(all(journal)).containsExactly("one", "", "three");
      journal.append(bytes("four"), Long.MAX_VALUE);
    }
    try (Journal journal = Journal.open(file(), HEADER)) {
      assertThat(all(journal)).containsExactly("one", "", "three", "four");
    }
  }

  /** What a process leaves that is killed while it writes: any part of the last record. */
  @Test
  void open_cutAnywhereWithinTheLastRecord_keepsAllBeforeIt() throws Exception {
    int whole = written("one", "two").length;
    byte[] bytes = written("three");
    for (int length = whole; length < bytes.length; length++) {
      Files.write(file(), Arrays.copyOf(bytes, length));
      try (Journal journal = Journal.open(file(), HEADER)) {
        assertThat(all(journal)).containsExactly("one", "two");
        journal.append(bytes("after"), Long.MAX_VALUE);
        assertThat(all(journal)).containsExactly("one", "two", "after");
      }
    }
  }

  @Test
  void open_anyByteAltered_isRefusedByFileAndPosition() throws Exception {
    byte[] bytes = written("one", "two", "three");
    for (int i = 0; i < bytes.length; i++) {
      byte[] altered = bytes.clone();
      altered[i] ^= 4;
      Files.write(file(), altered);
      assertThatThrownBy(() -> Journal.open(file(), HEADER))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith(file() + ": ");
      assertThat(Files.readAllBytes(file())).isEqualTo(altered); // nothing was cut off
    }
  }

  @Test
  void append_beyondTheLimit_writesNothing() throws Exception {
    try (Journal journal = Journal.open(file(), HEADER)) {
      assertThat(journal.append(bytes("one"), 1)).isTrue();
      assertThat(journal.append(bytes("two"), 1)).isFalse();
      assertThat(all(journal)).containsExactly("one");
    }
  }

  @Test
  void append_byManyThreads_keepsEach() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try (Journal journal = Journal.open(file(), HEADER)) {
      List<Future<Boolean>> done =
          IntStream.range(0, 200)
              .mapToObj(i -> threads.submit(() -> journal.append(bytes("r" + i), Long.MAX_VALUE)))
              .toList();
      for (Future<Boolean> each : done) {
        assertThat(each.get()).isTrue();
      }
      assertThat(journal.records()).isEqualTo(200);
    } finally {
      threads.shutdown();
    }
    try (Journal journal = Journal.open(file(), HEADER)) {
      assertThat(all(journal))
          .containsExactlyInAnyOrderElementsOf(
              IntStream.range(0, 200).mapToObj(i -> "r" + i).toList());
    }
  }

  @Test
  void append_byAnInterruptedThread_keepsTheJournalOpen() throws Exception {
    try (Journal journal = Journal.open(file(), HEADER)) {
      Thread.currentThread().interrupt();
      assertThat(journal.append(bytes("one"), 9)).isTrue();
      assertThat(Thread.interrupted()).isTrue();
      assertThat(journal.append(bytes("two"), 9)).isTrue();
      assertThat(all(journal)).containsExactly("one", "two");
    }
  }

  @Test
  void open_whatIsOpenAlready_isRefused() throws Exception {
    try (Journal journal = Journal.open(file(), HEADER)) {
      assertThatThrownBy(() -> Journal.open(file(), HEADER))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageEndingWith("expected to be the only one who has it open, got another");
      assertThat(journal.append(bytes("one"), 1)).isTrue();
    }
  }

  @Test
  void use_afterClose_isRefused() throws Exception {
    Journal journal = Journal.open(file(), HEADER);
    journal.close();
    journal.close();
    assertThatThrownBy(() -> journal.append(bytes("one"), 1))
        .hasMessageEndingWith("expected an open journal, got one that was closed");
  }
}
