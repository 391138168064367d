using System.Diagnostics;
using System.Runtime.CompilerServices;

// What the mode waits waits for.
namespace Ferry;

sealed class Gangway;
sealed class Hawser;
sealed class Fender;
sealed class Rudder;

/// <summary>Waits, one after the other: as long as the waiting thread saw it, and how long it had been asleep at least when the
/// holder let go. What the runtime measures lies between.</summary>
sealed class Log(int count)
{
    private readonly long _contentions = Monitor.LockContentionCount;
    private readonly long[] _most = new long[count], _least = new long[count];

    public void Waited(int at, long begin) => _most[at] = Nanoseconds(begin);

    public void Held(int at, long begin) => _least[at] = Nanoseconds(begin);

    public string Line => $"\"waits\":{count},\"counted\":{Monitor.LockContentionCount - _contentions}," +
        $"\"mostNs\":[{string.Join(',', _most)}],\"leastNs\":[{string.Join(',', _least)}]";

    private static long Nanoseconds(long begin) => (long)Stopwatch.GetElapsedTime(begin).TotalNanoseconds;
}

static class Shore
{
    /// <summary>Without a lock: nobody else's waits may be counted.</summary>
    public static void Until(Func<bool> condition) => SpinWait.SpinUntil(condition);
}

/// <summary>A thread of which can be told whether it sleeps.</summary>
sealed class Sailor
{
    private readonly Thread _thread;
    private string? _stat;

    public Sailor(string name, Action body)
    {
        _thread = new Thread(() =>
        {
            Volatile.Write(ref _stat, File.ResolveLinkTarget("/proc/thread-self", false)!.FullName + "/stat");
            body();
        })
        { Name = name, IsBackground = true };
        _thread.Start();
    }

    public void Join() => _thread.Join();

    /// <summary>It has given up its processor: one that spins looks asleep to the runtime when it yields, but not to Linux.</summary>
    public bool IsAsleep() => (_thread.ThreadState & System.Threading.ThreadState.WaitSleepJoin) != 0 &&
        Volatile.Read(ref _stat) is { } stat && File.ReadAllText(stat).Split(") ")[1].StartsWith('S');
}

/// <summary>One lock: a thread that holds it, and one that waits for it, in methods of known names.</summary>
abstract class Pier(string type, string name, string mark, bool isHandle = false)
{
    public static readonly Pier Prime = new Primer();

    public static readonly Pier[] All =
    [
        new Moored(),
#if NET9_0_OR_GREATER
        new Locked(),
#endif
        new Seated(),
        new Queued(),
    ];

    public readonly bool IsHandle = isHandle;
    private Sailor? _waiter;
    private Log _log = new(0);
    private int _round, _held, _coming, _gone;
    private long _since;

    /// <summary>Takes the lock, sleeps between Arrive and Leave, and lets go.</summary>
    protected abstract void Hold(int milliseconds);

    /// <summary>Takes the lock and lets go at once.</summary>
    protected abstract void Wait();

    /// <summary>Count times: one thread holds the lock until the other one has waited for it so long, or two to four times as
    /// long. Answers with JSON.</summary>
    public string Meet(int count, int milliseconds)
    {
        _log = new Log(count);
        _held = _coming = _gone = -1;
        _waiter = new Sailor("passenger", () => Board(count));
        new Sailor("captain", () => Sail(count, milliseconds)).Join();
        _waiter.Join();
        return $"{{\"type\":\"{type}\",\"site\":\"Ferry.{name}.Wait\",\"mark\":\"{mark}\",\"holder\":\"Ferry.{name}.Hold\"," +
            $"\"handle\":{(IsHandle ? "true" : "false")},{_log.Line}}}";
    }

    private void Sail(int count, int milliseconds)
    {
        for (_round = 0; _round < count; _round++)
        {
            Hold(milliseconds * (1 + _round % 4));
            Shore.Until(() => Volatile.Read(ref _gone) == _round);
        }
    }

    private void Board(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Shore.Until(() => Volatile.Read(ref _held) == i);
            Volatile.Write(ref _coming, i);
            var begin = Stopwatch.GetTimestamp();
            Wait();
            _log.Waited(i, begin);
            Volatile.Write(ref _gone, i);
        }
    }

    /// <summary>Called with the lock: returns when the other thread waits for it.</summary>
    protected void Arrive()
    {
        Volatile.Write(ref _held, _round);
        Shore.Until(() => Volatile.Read(ref _coming) == _round && _waiter!.IsAsleep());
        _since = Stopwatch.GetTimestamp();
    }

    /// <summary>Called with the lock, before it lets go.</summary>
    protected void Leave() => _log.Held(_round, _since);
}

sealed class Moored() : Pier("Ferry.Gangway", "Moored", "gangway")
{
    private readonly Gangway _gangway = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        lock (_gangway)
        {
            Arrive();
            Thread.Sleep(milliseconds); // MARK gangway-held
            Leave();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        lock (_gangway) // MARK gangway
            GC.KeepAlive(this);
    }
}

#if NET9_0_OR_GREATER
sealed class Locked() : Pier("System.Threading.Lock", "Locked", "lock")
{
    private readonly Lock _lock = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        _lock.Enter();
        Arrive();
        Thread.Sleep(milliseconds); // MARK lock-held
        Leave();
        _lock.Exit();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        _lock.Enter(); // MARK lock
        _lock.Exit();
    }
}
#endif

/// <summary>No lock in the sense of the runtime: it counts only where waits for handles are asked for.</summary>
sealed class Seated() : Pier("", "Seated", "seat", isHandle: true)
{
    private readonly Semaphore _seats = new(1, 1);

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        _seats.WaitOne();
        Arrive();
        Thread.Sleep(milliseconds); // MARK seat-held
        Leave();
        _seats.Release();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        _seats.WaitOne(); // MARK seat
        _seats.Release();
    }
}

/// <summary>As Seated, of a semaphore that is made of a lock: the one who comes may have to wait for that, too.</summary>
sealed class Queued() : Pier("", "Queued", "queue", isHandle: true)
{
    private readonly SemaphoreSlim _queue = new(1, 1);

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        _queue.Wait();
        Arrive();
        Thread.Sleep(milliseconds); // MARK queue-held
        Leave();
        _queue.Release();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        _queue.Wait(); // MARK queue
        _queue.Release();
    }
}

sealed class Primer() : Pier("Ferry.Fender", "Primer", "fender")
{
    private readonly Fender _fender = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        lock (_fender)
        {
            Arrive();
            Thread.Sleep(milliseconds); // MARK fender-held
            Leave();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        lock (_fender) // MARK fender
            GC.KeepAlive(this);
    }
}

/// <summary>A lock that two threads take in turns, each while the other one holds it: who holds it has waited for it before, but
/// for the first time.</summary>
static class Helm
{
    private static readonly Rudder s_rudder = new();
    private static readonly Sailor?[] s_mates = new Sailor?[2];
    private static Log s_log = new(0);
    private static int s_last, s_taken, s_coming;

    /// <summary>Count waits, of one side and the other in turns.</summary>
    public static string Steer(int count, int milliseconds)
    {
        s_log = new Log(count);
        (s_last, s_taken, s_coming) = (count, -1, -1);
        s_mates[1] = new Sailor("starboard", () => Turns(1, milliseconds));
        s_mates[0] = new Sailor("port", () => Turns(0, milliseconds));
        foreach (var mate in s_mates)
            mate!.Join();
        return "{\"type\":\"Ferry.Rudder\",\"sides\":[{\"site\":\"Ferry.Helm.Port\",\"mark\":\"port\"}," +
            $"{{\"site\":\"Ferry.Helm.Starboard\",\"mark\":\"starboard\"}}],{s_log.Line}}}";
    }

    private static void Turns(int side, int milliseconds)
    {
        for (var turn = side; turn <= s_last; turn += 2)
        {
            Shore.Until(() => Volatile.Read(ref s_taken) == turn - 1);
            Volatile.Write(ref s_coming, turn);
            var begin = Stopwatch.GetTimestamp();
            if (side == 0)
                Port(turn, begin, milliseconds);
            else
                Starboard(turn, begin, milliseconds);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Port(int turn, long begin, int milliseconds)
    {
        lock (s_rudder) // MARK port
            Keep(turn, begin, milliseconds);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Starboard(int turn, long begin, int milliseconds)
    {
        lock (s_rudder) // MARK starboard
            Keep(turn, begin, milliseconds);
    }

    private static void Keep(int turn, long begin, int milliseconds)
    {
        if (turn > 0)
            s_log.Waited(turn - 1, begin);
        Volatile.Write(ref s_taken, turn);
        if (turn == s_last)
            return;
        Shore.Until(() => Volatile.Read(ref s_coming) == turn + 1 && s_mates[(turn + 1) % 2]?.IsAsleep() == true);
        var since = Stopwatch.GetTimestamp();
        Thread.Sleep(milliseconds);
        s_log.Held(turn, since);
    }
}

/// <summary>Where many threads fight for few locks.</summary>
/// <summary>Nobody waits for a seat, but all for the lock that a SemaphoreSlim has inside.</summary>
static class Lounge
{
    private static readonly SemaphoreSlim s_seats = new(1000);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sit()
    {
        s_seats.Wait();
        s_seats.Release();
    }
}

static class Dock
{
    private static readonly Hawser[] s_hawsers = [new(), new(), new()];

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Board(int at)
    {
        lock (s_hawsers[at]) // MARK hawser
        {
            var until = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 20_000;
            while (Stopwatch.GetTimestamp() < until)
                Thread.SpinWait(10);
        }
    }
}
