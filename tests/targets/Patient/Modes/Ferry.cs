using System.Diagnostics;
using System.Runtime.CompilerServices;

// What the mode waits waits for.
namespace Ferry;

sealed class Gangway;
sealed class Hawser;
sealed class Fender;

/// <summary>One lock: a thread that holds it, and one that waits for it, in methods of known names.</summary>
abstract class Pier(string type, string site, string holder, string mark, bool isHandle = false)
{
    public static readonly Pier Prime = new Primer();

    public static readonly Pier[] All =
    [
        new Moored(),
#if NET9_0_OR_GREATER
        new Locked(),
#endif
        new Seated(),
    ];

    public readonly string Type = type, Site = site, Holder = holder, Mark = mark;
    public readonly bool IsHandle = isHandle;
    private Thread? _waiter;
    private bool _held, _coming;

    /// <summary>Takes the lock, calls WhileHeld, and lets go.</summary>
    protected abstract void Hold(int milliseconds);

    /// <summary>Takes the lock and lets go at once.</summary>
    protected abstract void Wait();

    /// <summary>Count times: one thread holds the lock until the other one has waited for it so long. The sum of the waits in ns,
    /// as the waiting thread sees it.</summary>
    public long Meet(int count, int milliseconds)
    {
        long waited = 0;
        using var turn = new Barrier(2);
        _waiter = new Thread(() =>
        {
            for (var i = 0; i < count; i++)
            {
                turn.SignalAndWait();
                while (!Volatile.Read(ref _held))
                    Thread.Yield();
                Volatile.Write(ref _coming, true);
                var begin = Stopwatch.GetTimestamp();
                Wait();
                waited += (long)Stopwatch.GetElapsedTime(begin).TotalNanoseconds;
                turn.SignalAndWait();
            }
        })
        { Name = "passenger", IsBackground = true };
        _waiter.Start();
        for (var i = 0; i < count; i++)
        {
            turn.SignalAndWait();
            Hold(milliseconds);
            _held = _coming = false;
            turn.SignalAndWait();
        }
        _waiter.Join();
        return waited;
    }

    /// <summary>Called with the lock: returns when the other thread has given up its processor, and the time has passed.</summary>
    protected void WhileHeld(int milliseconds)
    {
        Volatile.Write(ref _held, true);
        while (!Volatile.Read(ref _coming) || (_waiter!.ThreadState & System.Threading.ThreadState.WaitSleepJoin) == 0)
            Thread.Sleep(1);
        Thread.Sleep(milliseconds);
    }
}

sealed class Moored() : Pier("Ferry.Gangway", "Ferry.Moored.Wait", "Ferry.Moored.Hold", "gangway")
{
    private readonly Gangway _gangway = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        lock (_gangway)
            WhileHeld(milliseconds);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        lock (_gangway) // MARK gangway
            GC.KeepAlive(this);
    }
}

#if NET9_0_OR_GREATER
sealed class Locked() : Pier("System.Threading.Lock", "Ferry.Locked.Wait", "Ferry.Locked.Hold", "lock")
{
    private readonly Lock _lock = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        _lock.Enter();
        WhileHeld(milliseconds);
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
sealed class Seated() : Pier("", "Ferry.Seated.Wait", "Ferry.Seated.Hold", "seat", isHandle: true)
{
    private readonly Semaphore _seats = new(1, 1);

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        _seats.WaitOne();
        WhileHeld(milliseconds);
        _seats.Release();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        _seats.WaitOne(); // MARK seat
        _seats.Release();
    }
}

sealed class Primer() : Pier("Ferry.Fender", "Ferry.Primer.Wait", "Ferry.Primer.Hold", "fender")
{
    private readonly Fender _fender = new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Hold(int milliseconds)
    {
        lock (_fender)
            WhileHeld(milliseconds);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    protected override void Wait()
    {
        lock (_fender) // MARK fender
            GC.KeepAlive(this);
    }
}

/// <summary>Where many threads fight for few locks.</summary>
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
