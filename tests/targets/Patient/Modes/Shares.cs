using System.Globalization;
using System.Runtime.InteropServices;

namespace Medic.Targets;

/// <summary>
/// A program that knows where its CPU time goes: each part of it reads the CPU clock of its own thread before and after.
/// `shares [part,part,...|all] [workers]`; ten threads beside it sleep. The command `shares` prints the account:
/// nanoseconds of each part since the start, the method that a profiler should show for it, and the mark of its hot line
/// (`// MARK name` in Bakery.cs).
/// </summary>
sealed class Shares : Mode
{
    private const long BlockNs = 15_000_000;
    private const int Sleepers = 10;

    private readonly Part[] _shared; // of these every worker does one after the other
    private readonly Part[] _alone;  // each on a thread of its own, or on the pool
    private readonly int _workers;

    public Shares(string[] arguments)
    {
        var all = Bakery.Parts.All();
        var wanted = arguments.Length == 0 || arguments[0] == "all"
            ? all.Where(p => p.Depth == 0).ToArray()
            : arguments[0].Split(',').Select(name => all.Single(p => p.Name == name)).ToArray();
        _alone = wanted.Where(p => p.Forever != null || p.Depth > 0).ToArray();
        _shared = wanted.Except(_alone).ToArray();
        _workers = _shared.Length == 0 ? 0 : arguments.Length > 1 ? int.Parse(arguments[1]) : 2;
    }

    public override void Start()
    {
        for (var i = 0; i < _workers; i++)
            new Bakery.Baker([.. _shared], BlockNs, seed: i, () => Done()).Start($"baker {i}");
        foreach (var part in _alone)
        {
            if (part.Forever != null)
                part.Forever(part);
            else
                new Bakery.Baker([part], BlockNs, seed: 0, () => Done()).Start(part.Name);
        }
        for (var i = 0; i < Sleepers; i++)
            Run($"sleeper {i}", Bakery.Guest.Sleep);
    }

    /// <summary>Until the hot methods are compiled for good.</summary>
    public override void WarmUp() => SpinWait.SpinUntil(
        () => Work >= 8L * _shared.Length * _workers && _alone.All(p => p.Ns > 2 * BlockNs), TimeSpan.FromSeconds(20));

    public override void Command(string line)
    {
        if (line != "shares")
        {
            base.Command(line);
            return;
        }
        var parts = _shared.Concat(_alone).Select(p =>
            $$"""{"name":"{{p.Name}}","method":"{{p.Method}}","leaf":"{{p.Leaf}}","ns":{{p.Ns}}}""");
        Console.WriteLine($$"""{"processNs":{{CpuClock.OfProcess()}},"sleepers":{{Sleepers}},"parts":[{{string.Join(',', parts)}}]}""");
    }
}

/// <summary>A part of the work, whose CPU time is known.</summary>
sealed class Part(string name, string method, Action body)
{
    private long _ns;

    public string Name => name;

    /// <summary>Everything of the part, and nothing else, runs below this method; its name as a person would write it.</summary>
    public string Method => method;

    /// <summary>The method, if another one, that is on top most of the time.</summary>
    public string Leaf { get; init; } = "";

    /// <summary>Frames between the thread's root and the work: such a part has a thread with a large stack.</summary>
    public int Depth { get; init; }

    /// <summary>Instead of body: starts what runs by itself and accounts for itself.</summary>
    public Action<Part>? Forever { get; init; }

    public long Ns => Volatile.Read(ref _ns);
    public void Add(long ns) => Interlocked.Add(ref _ns, ns);
    public void Do() => body();

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{name} {Ns}");
}

static class CpuClock
{
    private const int ProcessClock = 2, ThreadClock = 3;

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds, Nanoseconds;
    }

    [DllImport("libc", EntryPoint = "clock_gettime"), SuppressGCTransition]
    private static extern unsafe int GetTime(int clock, Timespec* time);

    private static unsafe long Read(int clock)
    {
        Timespec time;
        GetTime(clock, &time);
        return time.Seconds * 1_000_000_000 + time.Nanoseconds;
    }

    /// <summary>CPU time of the calling thread.</summary>
    public static long OfThread() => Read(ThreadClock);

    public static long OfProcess() => Read(ProcessClock);
}
