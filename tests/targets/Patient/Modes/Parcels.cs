using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

// What the mode throws throws, and where. Each way is a method of its own, never inlined, so that its name is known.
namespace Parcels;

class Lost(string message) : Exception(message);
class Late(string message) : Exception(message);
class Damaged(string message) : Exception(message);
class Refused(string message) : Exception(message);
class Torn(string message) : Exception(message);
class Wrapped(string message, Exception inner) : Exception(message, inner);
class Opened(string message) : Exception(message);
class Blind(string message) : Exception(message);
class First(string message) : Exception(message);
class Second(string message) : Exception(message);
class Silent() : Exception(null);
class Loud(string message) : Exception(message);
class Deep(string message) : Exception(message);
class Misprint(string message) : Exception(message);
class Shelved(string message) : Exception(message);
class Astray(string message) : Exception(message);
class Forgotten(string message) : Exception(message);
class Retried(string message) : Exception(message);
class Doomed(string message) : Exception(message);
class Primer(string message) : Exception(message);

static class Van
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Drop(int number) => throw new Lost($"parcel {number} fell off"); // MARK lost

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Delay() => throw new Late("stuck in traffic"); // MARK late

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Crush() => throw new Damaged("this side up"); // MARK damaged

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tear() => throw new Torn("at the seam"); // MARK torn

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Open() => throw new Opened("by customs"); // MARK opened

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Start() => throw new First("no fuel"); // MARK first

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Stop() => throw new Second("no brakes"); // MARK second
}

static class Road
{
    /// <summary>So many calls of itself below each other before the parcel is lost.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Down(int depth)
    {
        if (depth <= 1)
            Van.Drop(depth);
        return Down(depth - 1) + 1;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Sink(int depth)
    {
        if (depth <= 1)
            throw new Deep("down to the bottom"); // MARK deepest
        return Sink(depth - 1) + 1;
    }
}

/// <summary>Three that are equally frequent, each a while long.</summary>
static class Turn
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Left() => throw new Astray("to the left"); // MARK left

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Right() => throw new Astray("to the right"); // MARK right

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Back() => throw new Astray("back again"); // MARK back

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Take(Action turn)
    {
        try { turn(); }
        catch (Astray) { }
    }
}

static class Courier
{
    /// <summary>The exception passes three awaits: of Climb, of Deliver, and the one of the caller.</summary>
    public static async Task Deliver() => await Climb();

    private static async Task Climb() => await Ring();

    /// <summary>Caught by a catch block of its own, not by the one in which the compiler wraps it.</summary>
    public static async Task Retry()
    {
        try
        {
            await Task.Yield();
            throw new Retried("once more"); // MARK retried
        }
        catch (Retried) { }
    }

    /// <summary>For nobody who awaits it.</summary>
    public static async Task Forget()
    {
        await Task.Yield();
        throw new Forgotten("left at the door"); // MARK forgotten
    }

    private static async Task Ring()
    {
        await Task.Yield();
        throw new Refused("nobody at home"); // MARK refused
    }
}

static class Label<T>
{
    public static readonly int Width = 1;

    static Label() => throw new Misprint("no ink"); // MARK misprint
}

static class Desk
{
    private static bool s_misprinted;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Prime()
    {
        try { throw new Primer("first of the day"); }
        catch (Primer) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Take(int depth)
    {
        try { Road.Down(depth); }
        catch (Lost) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeTwice()
    {
        try { Again(); }
        catch (Late) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Again()
    {
        try { Once(); }
        catch (Late) { throw; }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Once()
    {
        try { Van.Delay(); }
        catch (Late) { throw; }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeAnew()
    {
        try { Anew(); }
        catch (Damaged) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Anew()
    {
        try { Van.Crush(); }
#pragma warning disable CA2200 // this is the kind that is wanted
        catch (Damaged e) { throw e; }
#pragma warning restore CA2200
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeAsync()
    {
        try { Courier.Deliver().GetAwaiter().GetResult(); }
        catch (Refused) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeWrapped()
    {
        try { Unwrap(); }
        catch (Wrapped) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Unwrap()
    {
        try { Van.Tear(); }
        catch (Torn e) { throw new Wrapped("in paper", e); } // MARK wrapped
    }

    /// <summary>Caught, kept, and thrown again from elsewhere.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeShelved()
    {
        ExceptionDispatchInfo? kept = null;
        try { throw new Shelved("no room in the van"); } // MARK shelved
        catch (Shelved e) { kept = ExceptionDispatchInfo.Capture(e); }
        try { kept.Throw(); }
        catch (Shelved) { }
    }

    /// <summary>Nobody catches it: the end of the program.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Abandon() => throw new Doomed("return to sender"); // MARK doomed

    /// <summary>A filter that throws is one that says no: the outer catch block has it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeInspected()
    {
        try
        {
            try { Van.Open(); }
            catch (Opened) when (Inspect()) { }
        }
        catch (Opened) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Inspect() => throw new Blind("no light"); // MARK blind

    /// <summary>What the finally block throws replaces what was on its way.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeReplaced()
    {
        try
        {
            try { Van.Start(); }
            finally { Van.Stop(); }
        }
        catch (Exception) { } // of all: nobody to catch the first one would be the end, before any finally block runs
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeCancelled()
    {
        var cancelled = new CancellationToken(canceled: true);
        try { cancelled.ThrowIfCancellationRequested(); } // MARK cancelled
        catch (OperationCanceledException) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeSilent()
    {
        try { throw new Silent(); } // MARK silent
        catch (Silent) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeLoud(int length)
    {
        try { throw new Loud(new string('!', length)); } // MARK loud
        catch (Loud) { }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TakeDeep(int depth)
    {
        try { Road.Sink(depth); }
        catch (Deep) { }
    }

    /// <summary>How many static constructors failed: three the first time, and never again.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int TakeMisprints()
    {
        if (s_misprinted)
            return 0;
        s_misprinted = true;
        return Read<int>() + Read<long>() + Read<double>();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Read<T>()
    {
        try { return Label<T>.Width - Label<T>.Width; } // MARK read
        catch (TypeInitializationException) { return 1; }
    }
}
