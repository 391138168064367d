namespace Medic.Targets;

/// <summary>
/// `throws [storm N | depth N]`: exceptions in known numbers. The commands answer with one line of JSON when all are thrown and caught:
///     throw N    of each kind N, of the deep and the loud ones fewer
///     flood N    N on each of four threads at once, as fast as they can
///     turns N    rounds of N in one method, N in a second, N in a third, and a rest
///     strand N   N that an async method catches itself, N that nobody awaits
///     prime      one that stands in no account
///     die N      N as fast as it can, and then one that nobody catches: no answer
/// With storm N threads throw without a pause, with depth one thread does, through N calls; work counts the throws.
/// </summary>
sealed class Throws(string[] arguments) : Mode
{
    private const int FloodThreads = 4, BigStack = 64 << 20, Rounds = 20;
    private readonly int _storm = arguments is ["storm", var n] ? int.Parse(n) : 0;
    private readonly int _depth = arguments is ["depth", var n] ? int.Parse(n) : 0;

    public override void Start()
    {
        for (var i = 0; i < _storm; i++)
            Run($"storm {i}", Storm);
        if (_depth > 0)
            Run("depth", () => { for (; ; Done()) Parcels.Desk.Take(_depth); });
    }

    public override void WarmUp()
    {
        if (_storm > 0 || _depth > 0)
            base.WarmUp();
    }

    public override void Command(string line)
    {
        switch (line.Split(' '))
        {
            case ["throw", var n]: Answer(ledger => OnOneThread(() => All(int.Parse(n), ledger))); break;
            case ["flood", var n]: Answer(ledger => Flood(int.Parse(n), ledger)); break;
            case ["turns", var n]: Answer(ledger => Turns(int.Parse(n), ledger)); break;
            case ["strand", var n]: Answer(ledger => Strand(int.Parse(n), ledger)); break;
            case ["die", var n]: Run("doomed", () => Die(int.Parse(n))); break;
            case ["prime"]: Parcels.Desk.Prime(); Console.WriteLine("done"); break;
            default: base.Command(line); break;
        }
    }

    private static void Answer(Action<Ledger> body)
    {
        var ledger = new Ledger();
        var before = GC.CollectionCount(0);
        body(ledger);
        Console.WriteLine(ledger.Line(GC.CollectionCount(0) - before));
    }

    /// <summary>On a thread of its own, whose stack is large enough for the deep ones.</summary>
    private static void OnOneThread(ThreadStart body)
    {
        var thread = new Thread(body, BigStack) { Name = "desk" };
        thread.Start();
        thread.Join();
    }

    private static void All(int count, Ledger ledger)
    {
        var few = Math.Max(1, count / 100);
        Times(count, () => Parcels.Desk.Take(5));
        Times(count, Parcels.Desk.TakeTwice);
        Times(count, Parcels.Desk.TakeAnew);
        Times(count, Parcels.Desk.TakeAsync);
        Times(count, Parcels.Desk.TakeShelved);
        Times(count, Parcels.Desk.TakeWrapped);
        Times(count, Parcels.Desk.TakeInspected);
        Times(count, Parcels.Desk.TakeReplaced);
        Times(count, Parcels.Desk.TakeCancelled);
        Times(count, Parcels.Desk.TakeSilent);
        Times(few, () => Parcels.Desk.TakeLoud(1 << 19));
        Times(few, () => Parcels.Desk.TakeDeep(5000));
        ledger.Type("Parcels.Lost", count, 0, "Parcels.Van.Drop", "Parcels.Desk.Take", "lost");
        ledger.Type("Parcels.Late", count, 2 * count, "Parcels.Van.Delay", "Parcels.Desk.TakeTwice", "late");
        ledger.Type("Parcels.Damaged", count, count, "Parcels.Van.Crush", "Parcels.Desk.TakeAnew", "damaged");
        ledger.Type("Parcels.Refused", count, 3 * count, "Parcels.Courier.Ring (async)", "Parcels.Desk.TakeAsync", "refused");
        ledger.Type("Parcels.Shelved", count, count, "Parcels.Desk.TakeShelved", "Parcels.Desk.TakeShelved", "shelved");
        ledger.Type("Parcels.Torn", count, 0, "Parcels.Van.Tear", "Parcels.Desk.Unwrap", "torn");
        ledger.Type("Parcels.Wrapped", count, 0, "Parcels.Desk.Unwrap", "Parcels.Desk.TakeWrapped", "wrapped");
        ledger.Type("Parcels.Opened", count, 0, "Parcels.Van.Open", "Parcels.Desk.TakeInspected", "opened");
        ledger.Type("Parcels.Blind", count, 0, "Parcels.Desk.Inspect", null, "blind");
        ledger.Type("Parcels.First", count, 0, "Parcels.Van.Start", null, "first");
        ledger.Type("Parcels.Second", count, 0, "Parcels.Van.Stop", "Parcels.Desk.TakeReplaced", "second");
        ledger.Type("System.OperationCanceledException", count, 0, "Parcels.Desk.TakeCancelled", "Parcels.Desk.TakeCancelled",
            "cancelled");
        ledger.Type("Parcels.Silent", count, 0, "Parcels.Desk.TakeSilent", "Parcels.Desk.TakeSilent", "silent");
        ledger.Type("Parcels.Loud", few, 0, "Parcels.Desk.TakeLoud", "Parcels.Desk.TakeLoud", "loud");
        ledger.Type("Parcels.Deep", few, 0, "Parcels.Road.Sink", "Parcels.Desk.TakeDeep", "deepest");
        if (Parcels.Desk.TakeMisprints() is var misprints && misprints > 0)
        {
            ledger.Type("Parcels.Misprint", misprints, 0, "Parcels.Label..cctor", null, "misprint");
            ledger.Type("System.TypeInitializationException", misprints, 0, "Parcels.Desk.Read", "Parcels.Desk.Read", "read");
        }
    }

    private static void Flood(int count, Ledger ledger)
    {
        var threads = Enumerable.Range(0, FloodThreads)
            .Select(i => Run($"flood {i}", () => Times(count, () => Parcels.Desk.Take(i % 2 == 0 ? 5 : 50)))).ToArray();
        foreach (var thread in threads)
            thread.Join();
        ledger.Type("Parcels.Lost", (long)FloodThreads * count, 0, "Parcels.Van.Drop", "Parcels.Desk.Take", "lost");
    }

    /// <summary>Longer than a choice of those that come first would favour the first method.</summary>
    private static void Turns(int count, Ledger ledger)
    {
        for (var i = 0; i < Rounds; i++)
        {
            foreach (var turn in new Action[] { Parcels.Turn.Left, Parcels.Turn.Right, Parcels.Turn.Back })
                Times(count, () => Parcels.Turn.Take(turn));
            Thread.Sleep(150);
        }
        ledger.Type("Parcels.Astray", 3L * Rounds * count, 0, "Parcels.Turn.Left", "Parcels.Turn.Take", "left");
    }

    private static void Strand(int count, Ledger ledger)
    {
        var forgotten = Enumerable.Range(0, count).Select(_ => Parcels.Courier.Forget()).ToArray();
        Times(count, () => Parcels.Courier.Retry().Wait());
        while (!forgotten.All(task => task.IsCompleted))
            Thread.Sleep(10);
        ledger.Type("Parcels.Retried", count, 0, "Parcels.Courier.Retry (async)", "Parcels.Courier.Retry (async)", "retried");
        ledger.Type("Parcels.Forgotten", count, 0, "Parcels.Courier.Forget (async)", "Parcels.Courier.Forget (async)", "forgotten");
    }

    private static void Die(int count)
    {
        Times(count, () => Parcels.Desk.Take(5));
        Parcels.Desk.Abandon();
    }

    private static void Times(int count, Action body)
    {
        for (var i = 0; i < count; i++)
            body();
    }

    private void Storm()
    {
        for (var i = 0; ; i++)
        {
            Parcels.Desk.Take(i % 8 == 0 ? 50 : 5);
            if (i % 16 == 0)
                Parcels.Desk.TakeTwice();
            if (i % 64 == 0)
                Parcels.Desk.TakeAsync();
            Done();
        }
    }
}

/// <summary>What was thrown, by type: fresh throws, later ones, where (the method and its `MARK`), and who has caught it last.</summary>
sealed class Ledger
{
    private readonly List<string> _types = [];

    public void Type(string name, long fresh, long again, string site, string? catcher, string mark) => _types.Add(
        $$"""{{Json.Text(name)}}:{"fresh":{{fresh}},"again":{{again}},"site":{{Json.Text(site)}},"catcher":{{(catcher == null ? "null" : Json.Text(catcher))}},"mark":{{Json.Text(mark)}}}""");

    public string Line(int collections) => "{\"collections\":" + collections + ",\"types\":{" + string.Join(',', _types) + "}}";
}
