package io.github.p3o.online;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.online.FaultyDisk.Fault;
import io.github.p3o.online.OnlineAligner.Offer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class JournalTest {

  /** So that every other record begins a new file. */
  private static final long SMALL = 250;

  @TempDir private Path directory = Path.of("");

  private final FaultyDisk disk = new FaultyDisk();
  private final ExecutorService threads = Executors.newFixedThreadPool(8);

  @AfterEach
  void endThreads() {
    threads.shutdownNow();
  }

  private static Feedback feedback(String id) {
    return new Feedback(
        id,
        Prompt.of(1),
        ImmutableList.of(Response.of(2), Response.of(3)),
        ImmutableDoubleArray.of(-1, -1.5),
        ImmutableDoubleArray.of(0, 1));
  }

  private Journal open() {
    return Journal.open(directory);
  }

  private Journal openSmall() {
    return Journal.open(directory, SMALL, disk::open);
  }

  private static Offer append(Journal journal, String id) {
    return journal.append(feedback(id), Long.MAX_VALUE);
  }

  private static List<String> all(Journal journal) {
    List<String> ids = new ArrayList<>();
    long position = 0;
    for (long i = 0; i < journal.records(); i++) {
      Journal.Entry entry = journal.read(position);
      ids.add(entry.feedback().id());
      position = entry.next();
    }
    return ids;
  }

  private static String[] ids(int count) {
    return IntStream.range(0, count).mapToObj(i -> "r" + i).toArray(String[]::new);
  }

  private static void write(Journal journal, String... ids) {
    for (String id : ids) {
      assertThat(append(journal, id)).isEqualTo(Offer.ACCEPTED);
    }
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(file -> file.toString().endsWith(".journal")).sorted().toList();
    }
  }

  private Path file() throws IOException {
    assertThat(files()).hasSize(1);
    return files().get(0);
  }

  private byte[] written(String... ids) throws Exception {
    try (Journal journal = open()) {
      write(journal, ids);
    }
    return Files.readAllBytes(file());
  }

  @Test
  void open_again_findsEveryRecordAndGoesOn() throws Exception {
    written("one", "two", "three");
    try (Journal journal = open()) {
      assertThat(all(journal)).containsExactly("one", "two", "three");
      assertThat(journal.read(0).feedback()).isEqualTo(feedback("one"));
      append(journal, "four");
    }
    try (Journal journal = open()) {
      assertThat(all(journal)).containsExactly("one", "two", "three", "four");
    }
  }

  /** What a process leaves that is killed while it writes: any part of the last record. */
  @Test
  void open_cutAnywhereWithinTheLastRecord_keepsAllBeforeIt() throws Exception {
    int whole = written("one", "two").length;
    byte[] bytes = written("three");
    for (int length = whole; length < bytes.length; length++) {
      Files.write(file(), Arrays.copyOf(bytes, length));
      try (Journal journal = open()) {
        assertThat(all(journal)).containsExactly("one", "two");
        append(journal, "after");
        assertThat(all(journal)).containsExactly("one", "two", "after");
      }
    }
  }

  /** What a loss of power may leave of it. */
  @Test
  void open_zerosAtTheEnd_keepsAllBeforeThem() throws Exception {
    byte[] bytes = written("one", "two");
    Files.write(file(), Arrays.copyOf(bytes, bytes.length + 100));
    try (Journal journal = open()) {
      assertThat(all(journal)).containsExactly("one", "two");
    }
    assertThat(Files.readAllBytes(file())).isEqualTo(bytes);
  }

  private void writeUpTo(long position) throws Exception {
    try (Journal journal = open()) {
      write(journal, "first");
      long length = Files.size(file());
      write(journal, "x");
      long shortest = Files.size(file()) - length; // with an id of one character
      while (Files.size(file()) < position) {
        long left = position - Files.size(file());
        long idLength = left - shortest < 200 ? left - shortest + 1 : 20;
        String id = String.format(Locale.ROOT, "%0" + idLength + "d", Files.size(file()));
        write(journal, id);
      }
    }
    assertThat(Files.size(file())).isEqualTo(position);
  }

  private static byte[] zeroedFrom(byte[] bytes, int position) {
    byte[] zeroed = bytes.clone();
    Arrays.fill(zeroed, position, zeroed.length, (byte) 0);
    return zeroed;
  }

  /** What a loss of power may leave of a record over two pages; or of its first 12 bytes. */
  @ParameterizedTest
  @CsvSource({"3991, 4096", "4088, 4096", "919, 1024", "1016, 1024"})
  void open_zerosFromAPageWithinTheLastRecord_keepsAllBeforeIt(long start, int page)
      throws Exception {
    writeUpTo(start);
    byte[] whole = Files.readAllBytes(file());
    List<String> ids;
    try (Journal journal = open()) {
      ids = all(journal);
    }
    byte[] bytes = written("last, and those after it", "another");
    refuses(zeroedFrom(bytes, page + 1)); // not from a page on
    Files.write(file(), zeroedFrom(bytes, page));
    try (Journal journal = open()) {
      assertThat(all(journal)).isEqualTo(ids);
    }
    assertThat(Files.readAllBytes(file())).isEqualTo(whole);
  }

  /** Whether its end is whole or torn. */
  @ParameterizedTest
  @ValueSource(longs = {919, 1016})
  void open_anyByteBeforeARecordOverTwoPagesAltered_isRefused(long start) throws Exception {
    writeUpTo(start);
    byte[] bytes = written("last, and those after it", "another");
    byte[] torn = zeroedFrom(bytes, 1024);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] ^= 4;
      refuses(bytes); // also within that record
      bytes[i] ^= 4;
      if (i < start || i >= 1024) {
        torn[i] ^= 4;
        refuses(torn);
        torn[i] ^= 4;
      }
    }
  }

  private void refuses(byte[] bytes) throws IOException {
    Path file = file();
    Files.write(file, bytes);
    assertThatThrownBy(this::open)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith(file + ": ");
    assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
  }

  @Test
  void open_zerosFromAPageWithinTheLastRecordOfAnEarlierFile_isRefused() throws Exception {
    writeUpTo(3991);
    written("last");
    try (Journal journal = Journal.open(directory, SMALL, disk::open)) {
      write(journal, "in another file");
    }
    Path first = files().get(0);
    byte[] torn = zeroedFrom(Files.readAllBytes(first), 4096);
    Files.write(first, torn);
    assertThatThrownBy(this::open)
        .hasMessageStartingWith(files().get(1) + ": expected to go on from byte ");
    assertThat(Files.readAllBytes(first)).isEqualTo(torn);
  }

  @Test
  void open_anyByteOfAnyFileAltered_isRefusedByFileAndTouchesNothing() throws Exception {
    try (Journal journal = openSmall()) {
      write(journal, ids(6));
    }
    assertThat(files()).hasSizeGreaterThan(2);
    for (Path file : files()) {
      byte[] bytes = Files.readAllBytes(file);
      for (int i = 0; i < bytes.length; i++) {
        byte[] altered = bytes.clone();
        altered[i] ^= 4;
        Files.write(file, altered);
        assertThatThrownBy(this::open)
            .isInstanceOf(UncheckedIOException.class)
            .hasMessageStartingWith(file + ": ");
        assertThat(Files.readAllBytes(file)).isEqualTo(altered); // nothing was cut off
      }
      Files.write(file, bytes);
    }
    open().close();
  }

  @Test
  void open_aFileMissingOrShort_isRefusedByTheNextOne() throws Exception {
    try (Journal journal = openSmall()) {
      write(journal, ids(8));
    }
    List<Path> files = files();
    byte[] bytes = Files.readAllBytes(files.get(1));
    Files.write(files.get(1), Arrays.copyOf(bytes, bytes.length - 5));
    assertThatThrownBy(this::open)
        .hasMessageStartingWith(files.get(2) + ": expected to go on from byte ");
    Files.delete(files.get(1));
    assertThatThrownBy(this::open)
        .hasMessageStartingWith(files.get(2) + ": expected to go on from byte ");
    Files.write(files.get(1), bytes);
    Files.delete(files.get(0)); // as deleteBefore does
    open().close();
  }

  @Test
  void append_beyondTheLimit_writesNothing() {
    try (Journal journal = open()) {
      assertThat(journal.append(feedback("one"), 1)).isEqualTo(Offer.ACCEPTED);
      assertThat(journal.append(feedback("two"), 1)).isEqualTo(Offer.FULL);
      assertThat(journal.append(feedback("one"), 1)).isEqualTo(Offer.REPEATED);
      assertThat(all(journal)).containsExactly("one");
    }
  }

  @Test
  void append_ofAnIdThatIsThere_writesNothingAlsoAfterARestart() throws Exception {
    byte[] bytes = written("one", "two");
    try (Journal journal = open()) {
      assertThat(append(journal, "two")).isEqualTo(Offer.REPEATED);
      assertThat(append(journal, "one")).isEqualTo(Offer.REPEATED);
    }
    assertThat(Files.readAllBytes(file())).isEqualTo(bytes);
  }

  @Test
  void append_byManyThreads_keepsEach() throws Exception {
    try (Journal journal = openSmall()) {
      List<Future<Offer>> done =
          Arrays.stream(ids(200)).map(id -> threads.submit(() -> append(journal, id))).toList();
      for (Future<Offer> each : done) {
        assertThat(each.get()).isEqualTo(Offer.ACCEPTED);
      }
      assertThat(journal.records()).isEqualTo(200);
    }
    try (Journal journal = open()) {
      assertThat(all(journal)).containsExactlyInAnyOrder(ids(200));
    }
  }

  @Test
  void append_answers_onlyAfterAFlushThatFollowedTheWrite() throws Exception {
    try (Journal journal = openSmall()) {
      for (int i = 0; i < 10; i++) { // with new files on the way
        append(journal, "r" + i);
        assertThat(disk.log.subList(disk.log.lastIndexOf("write"), disk.log.size()))
            .containsExactly("write", "flush");
      }
    }
  }

  /** One thread is within the flush; what others write meanwhile goes with the next. */
  @Test
  void append_whileAnotherFlushes_waitsForTheNextFlushAndSharesIt() throws Exception {
    try (Journal journal = Journal.open(directory, Journal.FILE_BYTES, disk::open)) {
      CountDownLatch go = new CountDownLatch(1);
      disk.mayFlush = go;
      disk.log.clear();
      Future<Offer> first = threads.submit(() -> append(journal, "r0"));
      while (!disk.log.equals(List.of("write"))) {
        TimeUnit.MILLISECONDS.sleep(1);
      }
      List<Future<Offer>> others =
          IntStream.range(1, 6)
              .mapToObj(i -> threads.submit(() -> append(journal, "r" + i)))
              .toList();
      Future<Offer> again = threads.submit(() -> append(journal, "r0"));
      while (disk.log.size() < 6) {
        TimeUnit.MILLISECONDS.sleep(1);
      }
      assertThat(journal.records()).isZero();
      assertThat(first.isDone() || again.isDone()).isFalse();
      assertThat(others).noneMatch(Future::isDone);
      go.countDown();
      assertThat(first.get()).isEqualTo(Offer.ACCEPTED);
      assertThat(again.get()).isEqualTo(Offer.REPEATED);
      for (Future<Offer> each : others) {
        assertThat(each.get()).isEqualTo(Offer.ACCEPTED);
      }
      assertThat(disk.log.subList(6, disk.log.size())).hasSizeBetween(1, 2).containsOnly("flush");
    }
  }

  @Test
  void append_onAFullDisk_keepsNothingAndGoesOnWhenThereIsRoom() throws Exception {
    byte[] before = written("one");
    try (Journal journal = Journal.open(directory, Journal.FILE_BYTES, disk::open)) {
      disk.fault = Fault.FULL;
      assertThatThrownBy(() -> append(journal, "two"))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage(file() + ": No space left on device");
      assertThat(Files.readAllBytes(file())).isEqualTo(before);
      disk.fault = Fault.NONE;
      assertThat(append(journal, "two")).isEqualTo(Offer.ACCEPTED);
      assertThat(all(journal)).containsExactly("one", "two");
    }
  }

  @Test
  void append_whatCanNotBeTakenBackOrNotBeFlushed_takesNothingMoreUntilOpenedAgain() {
    for (Fault fault : List.of(Fault.FULL_FOR_GOOD, Fault.NO_FLUSH)) {
      try (Journal journal = Journal.open(directory, Journal.FILE_BYTES, disk::open)) {
        append(journal, "before " + fault);
        disk.fault = fault;
        assertThatThrownBy(() -> append(journal, "in " + fault))
            .isInstanceOf(UncheckedIOException.class);
        disk.fault = Fault.NONE;
        assertThatThrownBy(() -> append(journal, "after " + fault))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining(": expected an open journal, got one that could not be ");
      }
      try (Journal journal = open()) {
        assertThat(all(journal)).contains("before " + fault).doesNotContain("after " + fault);
        assertThat(append(journal, "after " + fault)).isEqualTo(Offer.ACCEPTED);
      }
    }
  }

  @Test
  void deleteBefore_aPosition_keepsOneFileMoreThanWhatFollowsIt() throws Exception {
    try (Journal journal = openSmall()) {
      write(journal, ids(20));
      List<Path> files = files();
      assertThat(files).hasSizeGreaterThan(5);
      long position = 0;
      for (int i = 0; i < 12; i++) {
        journal.deleteBefore(position);
        position = journal.read(position).next();
      }
      long start = Long.parseLong(files().get(1).getFileName().toString().substring(0, 18));
      assertThat(files()).hasSizeLessThan(files.size());
      assertThat(start).isLessThanOrEqualTo(position);
      assertThat(journal.records()).isEqualTo(20);
      assertThat(journal.read(position).feedback().id()).isEqualTo("r12");
      assertThat(append(journal, "r11")).isEqualTo(Offer.REPEATED);
      assertThat(append(journal, "r0")).isEqualTo(Offer.ACCEPTED); // its file is gone
      assertThatThrownBy(() -> journal.read(0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(directory + ": expected records from byte 0 on, got bytes ");
    }
    try (Journal journal = open()) {
      assertThat(journal.records()).isEqualTo(21);
      assertThat(append(journal, "r19")).isEqualTo(Offer.REPEATED);
    }
  }

  @Test
  void deleteBefore_aFileThatCanNotBeClosed_leavesNoGap() throws Exception {
    long position = 0;
    try (Journal journal = Journal.open(directory, 300, disk::open)) {
      write(journal, ids(20));
      for (int i = 0; i < 12; i++) {
        position = journal.read(position).next();
      }
      disk.fault = Fault.NO_CLOSE;
      journal.deleteBefore(position);
    }
    try (Journal journal = open()) {
      assertThat(journal.records()).isEqualTo(20);
      assertThat(journal.read(position).feedback().id()).isEqualTo("r12");
    }
  }

  @Test
  void deleteBefore_aFileThatCanNotBeDeleted_keepsThoseAfterItUntilItCan() throws Exception {
    try (Journal journal = Journal.open(directory, 300, disk::open)) {
      write(journal, ids(20));
      long position = 0;
      for (int i = 0; i < 12; i++) {
        position = journal.read(position).next();
      }
      List<Path> files = files();
      Path first = files.get(0);
      Files.delete(first);
      Path within = Files.createFile(Files.createDirectory(first).resolve("within"));
      journal.deleteBefore(position);
      assertThat(files()).isEqualTo(files);
      Files.delete(within);
      journal.deleteBefore(position);
      assertThat(files()).doesNotContain(first).hasSizeLessThan(files.size() - 2);
    }
    open().close();
  }

  @Test
  void append_byAnInterruptedThread_keepsTheJournalOpen() {
    try (Journal journal = open()) {
      Thread.currentThread().interrupt();
      assertThat(append(journal, "one")).isEqualTo(Offer.ACCEPTED);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(append(journal, "two")).isEqualTo(Offer.ACCEPTED);
      assertThat(all(journal)).containsExactly("one", "two");
    }
  }

  @Test
  void open_whatIsOpenAlready_isRefused() {
    try (Journal journal = open()) {
      assertThatThrownBy(this::open)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageEndingWith("expected to be the only one who has it open, got another");
      assertThat(append(journal, "one")).isEqualTo(Offer.ACCEPTED);
    }
  }

  @Test
  void use_afterClose_isRefused() {
    Journal journal = open();
    journal.close();
    journal.close();
    assertThatThrownBy(() -> append(journal, "one"))
        .hasMessageEndingWith("expected an open journal, got one that was closed");
  }
}
