using System.Runtime.CompilerServices;

namespace Medic.Targets;

/// <summary>
/// `blocked N [busy B]`: N threads that wait in known ways (Gate.cs), half of them for one lock; B threads that compute.
/// The command `blocked` prints how many wait in which method, by name of the threads. The option --blocked N gives
/// the same population to any mode.
/// </summary>
sealed class Blocked(int count, int busy) : Mode
{
    private Population? _population;

    public override void Start()
    {
        _population = new Population(count);
        for (var i = 0; i < busy; i++)
            Run($"busy {i}", Busy);
    }

    public override void WarmUp() => _population!.Settle();

    public override void Command(string line)
    {
        if (line == "blocked")
            Console.WriteLine(_population!.Line());
        else
            base.Command(line);
    }

    private void Busy()
    {
        for (var x = 1u; ; Done())
            x = Unit(x);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Unit(uint x)
    {
        for (var i = 0; i < 20_000; i++) x = x * 1664525 + 1013904223; // MARK busy
        return x;
    }
}

/// <summary>Blocked threads, and some of the pool that have nothing to do.</summary>
sealed class Population
{
    private const int IdlePoolThreads = 6, Refunds = 2;
    private const int SmallStack = 256 << 10;

    /// <summary>What a thread is called, and where it waits.</summary>
    private static readonly (string Name, string Method, Action Wait)[] Ways =
    [
        ("wait", "Billing.Counter.AwaitTicket", Billing.Counter.AwaitTicket),
        ("semaphore", "Billing.Counter.TakeSeat", Billing.Counter.TakeSeat),
        ("event", "Billing.Counter.AwaitOpening", Billing.Counter.AwaitOpening),
        ("result", "Billing.Payments.Charge", Billing.Payments.Charge),
        ("sleep", "Billing.Nap.Take", Billing.Nap.Take),
        ("socket", "Billing.Wire.Read", Billing.Wire.Read),
#if NET9_0_OR_GREATER
        ("vault", "Billing.Vault.Open", Billing.Vault.Open),
#endif
    ];

    private readonly Dictionary<string, (string Method, int Count)> _counts = [];
    private readonly List<Thread> _threads = [];

    public Population(int count)
    {
        Keep("cashier", "Billing.Gate.Hold", Billing.Gate.Hold);
#if NET9_0_OR_GREATER
        Keep("guard", "Billing.Vault.Hold", Billing.Vault.Hold);
#endif
        var gates = count / 2;
        for (var i = 0; i < count; i++)
        {
            var (name, method, wait) = i < gates ? ("gate", "Billing.Gate.Enter", Billing.Gate.Enter) : Ways[i % Ways.Length];
            Add(name, method, wait);
        }
        for (var i = 0; i < Refunds; i++)
            _ = Billing.Payments.Refund();
        new Thread(KeepPoolThreads) { Name = "pool keeper", IsBackground = true }.Start();
    }

    /// <summary>A thread that holds what others want, before they come.</summary>
    private void Keep(string name, string method, Action<Action> hold)
    {
        using var held = new ManualResetEventSlim();
        Add(name, method, () => hold(held.Set));
        held.Wait();
    }

    private void Add(string name, string method, Action body)
    {
        var number = _counts.TryGetValue(name, out var known) ? known.Count : 0;
        _counts[name] = (method, number + 1);
        var thread = new Thread(() => body(), SmallStack) { Name = $"{name} {number}", IsBackground = true };
        thread.Start();
        _threads.Add(thread);
    }

    /// <summary>Waits until all threads wait. The runtime knows of all but those in native calls.</summary>
    public void Settle()
    {
        SpinWait.SpinUntil(() => _threads.All(t =>
            t.Name!.StartsWith("socket") || (t.ThreadState & System.Threading.ThreadState.WaitSleepJoin) != 0),
            TimeSpan.FromSeconds(20));
        Thread.Sleep(300);
    }

    /// <summary>{"gate": {"method": ..., "threads": N}, ...}; of the pool: refund and idle.</summary>
    public string Line() => "{" + string.Join(',', _counts
        .Append(new("refund", ("Billing.Payments.Refund (async)", Refunds)))
        .Append(new("idle", ("", IdlePoolThreads)))
        .Select(c => $$"""
            "{{c.Key}}":{"method":"{{c.Value.Method}}","threads":{{c.Value.Count}}}
            """)) + "}";

    /// <summary>The pool lets a thread go that was idle for 20 s: gives them all something to do now and then.</summary>
    private static void KeepPoolThreads()
    {
        ThreadPool.GetMinThreads(out _, out var ports);
        ThreadPool.SetMinThreads(IdlePoolThreads + Refunds, ports);
        for (; ; )
        {
            using var all = new Barrier(IdlePoolThreads + 1);
            for (var i = 0; i < IdlePoolThreads; i++)
                ThreadPool.UnsafeQueueUserWorkItem(_ => all.SignalAndWait(), null);
            all.SignalAndWait(TimeSpan.FromSeconds(5));
            Thread.Sleep(5000);
        }
    }
}

/// <summary>The thread pool starves: each of its threads waits for work that is queued behind it.</summary>
sealed class Starved : Mode
{
    private const int PoolThreads = 24;

    public override void Start()
    {
        ThreadPool.SetMinThreads(PoolThreads, 4);
        ThreadPool.SetMaxThreads(PoolThreads, 8);
        for (var i = 0; i < 4 * PoolThreads; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => Shop.Checkout.Pay(), null);
    }

    public override void WarmUp()
    {
        SpinWait.SpinUntil(() => ThreadPool.ThreadCount >= PoolThreads, TimeSpan.FromSeconds(20));
        Thread.Sleep(300);
    }

    public override void Command(string line)
    {
        if (line == "starved")
            Console.WriteLine($$"""{"threads":{{ThreadPool.ThreadCount}},"queued":{{ThreadPool.PendingWorkItemCount}}}""");
        else
            base.Command(line);
    }
}
